import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import type { TransitionBody, WorkOrderDetail, WorkOrderState } from '../../api/schemas/work-order.ts';
import type { Employee } from '../../api/schemas/employee.ts';
import { getAll, post, sentenceFor } from '../fetch.ts';
import { openOrders } from '../live/store.ts';
import { me } from '../session.ts';
import { Failed } from './notice.tsx';
import { useResource } from './resource.ts';
import { sentenceCase } from './words.tsx';
import { formText } from './form-text.ts';

/** What the button says that moves an order into a state. */
export const transitionLabels: Record<WorkOrderState, string> = {
  proposed: 'Propose',
  approved: 'Approve',
  scheduled: 'Schedule',
  in_progress: 'Start work',
  on_hold: 'Put on hold',
  work_done: 'Work is done',
  closed: 'Close',
  rejected: 'Reject',
  cancelled: 'Cancel order',
  merged: 'Merge',
};

const holdReasons = ['parts', 'permit', 'plant_condition', 'labour', 'vendor'] as const;
const outcomes = {
  confirmed: 'Confirmed, repaired',
  false_alarm: 'False alarm',
  sensor_fault: 'The sensor was at fault',
  duplicate: 'Duplicate',
  deferred: 'Deferred',
} as const;

/** The few fields that one move needs, and nothing else. */
export function TransitionForm({ order, to, done }: { order: WorkOrderDetail; to: WorkOrderState; done(): void }) {
  const error = useSignal<string | null>(null);
  const busy = useSignal(false);
  const needsNote = to === 'rejected' || to === 'cancelled' || order.state === 'closed';
  const isPlain = to === 'approved' || (to === 'in_progress' && order.state !== 'closed') || to === 'closed';

  async function move(form: FormData): Promise<void> {
    const text = (name: string): string => formText(form, name);
    const body: TransitionBody = { from: order.state, to, note: text('note') };
    if (to === 'on_hold') body.hold_reason = text('hold_reason') as (typeof holdReasons)[number];
    if (to === 'work_done') body.outcome = text('outcome') as keyof typeof outcomes;
    if (to === 'merged') body.merge_into = Number(text('merge_into'));
    if (to === 'scheduled') {
      body.assigned_to = Number(text('assigned_to'));
      // datetime-local is in the viewer's own zone, as the label says.
      body.scheduled_at = new Date(text('scheduled_at')).toISOString();
    }
    busy.value = true;
    error.value = null;
    try {
      await post(`/work-orders/${order.work_order_id}/transition`, body);
      done();
    } catch (failure) {
      error.value = sentenceFor(failure);
    }
    busy.value = false;
  }

  const others = [...(openOrders.value?.values() ?? [])].filter(
    (other) => other.machine_id === order.machine_id && other.work_order_id !== order.work_order_id,
  );

  // A move that needs nothing is made by the first press.
  useEffect(() => {
    if (isPlain) void move(new FormData());
  }, []);
  if (isPlain && error.value === null) return <p class="muted">{transitionLabels[to]} …</p>;
  return (
    <form
      class="form"
      onSubmit={(event) => {
        event.preventDefault();
        void move(new FormData(event.currentTarget));
      }}
    >
      {to === 'on_hold' && (
        <label>
          What it waits for
          <select name="hold_reason">
            {holdReasons.map((reason) => (
              <option key={reason} value={reason}>
                {sentenceCase(reason)}
              </option>
            ))}
          </select>
        </label>
      )}
      {to === 'work_done' && (
        <label>
          What it was
          <select name="outcome">
            {Object.entries(outcomes).map(([value, label]) => (
              <option key={value} value={value}>
                {label}
              </option>
            ))}
          </select>
        </label>
      )}
      {to === 'scheduled' && (
        <>
          <Who order={order} />
          <label>
            When ({Intl.DateTimeFormat().resolvedOptions().timeZone.replace('_', ' ')})
            <input type="datetime-local" name="scheduled_at" required />
          </label>
        </>
      )}
      {to === 'merged' && (
        <label>
          Into
          <select name="merge_into" required>
            {others.map((other) => (
              <option key={other.work_order_id} value={other.work_order_id}>
                {other.number} {other.title}
              </option>
            ))}
          </select>
          {others.length === 0 && <span>This machine has no other open order.</span>}
        </label>
      )}
      {!isPlain && (
        <label>
          {needsNote ? 'Why' : 'Note (optional)'}
          <textarea name="note" required={needsNote} maxLength={5000} />
        </label>
      )}
      <p class="form-error" role="alert">
        {error}
      </p>
      <div class="actions">
        {!isPlain && (
          <button type="submit" class={needsNote ? 'danger' : 'primary'} disabled={busy}>
            {transitionLabels[to]}
          </button>
        )}
        <button type="button" onClick={done}>
          Back
        </button>
      </div>
    </form>
  );
}

/** Everybody to whom work can be given, those of the order's site first. */
function Who({ order }: { order: WorkOrderDetail }) {
  const people = useResource<Employee[]>('employees', (abort) => getAll('/employees', 5000, abort));
  if (people.value === null)
    return people.error === null ? (
      <p class="muted">Employees are being loaded</p>
    ) : (
      <Failed what="The employees" error={people.error} retry={people.reload} />
    );
  const isHere = ({ site_id }: Employee): boolean => site_id === order.site_id;
  const groups: [label: string, members: Employee[]][] = [
    [order.site_title, people.value.filter((one) => isHere(one))],
    ['Others', people.value.filter((one) => !isHere(one))],
  ];
  return (
    <label>
      Who
      <select name="assigned_to" required>
        {groups.map(([label, members]) =>
          members.length === 0 ? null : (
            <optgroup key={label} label={label}>
              {members.map(({ employee_id, name, role }) => (
                <option key={employee_id} value={employee_id} selected={employee_id === order.assigned_to}>
                  {name}, {role}
                  {employee_id === me.value?.employee_id && ' (me)'}
                </option>
              ))}
            </optgroup>
          ),
        )}
      </select>
    </label>
  );
}
