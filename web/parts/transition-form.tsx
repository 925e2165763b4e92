import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import type { TransitionBody, WorkOrderDetail, WorkOrderState } from '../../api/schemas/work-order.ts';
import type { Employee } from '../../api/schemas/employee.ts';
import { getAll, post, sentenceFor } from '../fetch.ts';
import { now, openOrders } from '../live/store.ts';
import { me } from '../session.ts';
import { Failed } from './notice.tsx';
import { useResource } from './resource.ts';
import { sentenceCase } from './words.tsx';
import { formText } from './form-text.ts';
import { focusOnAppearance } from './focus.ts';

/** What the button says that moves an order into a state. */
const labels: Record<WorkOrderState, string> = {
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

/** The same; a closed order is not started but opened again. */
export function transitionLabel(from: WorkOrderState, to: WorkOrderState): string {
  return from === 'closed' && to === 'in_progress' ? 'Reopen' : labels[to];
}

const holdReasons = ['parts', 'permit', 'plant_condition', 'labour', 'vendor'] as const;
const outcomes = {
  confirmed: 'Confirmed, repaired',
  false_alarm: 'False alarm',
  sensor_fault: 'The sensor was at fault',
  duplicate: 'Duplicate',
  deferred: 'Deferred',
} as const;

interface Props {
  order: WorkOrderDetail;
  to: WorkOrderState;
  /** The state in which the form was opened. */
  from: WorkOrderState;
  done(): void;
  back(): void;
}

/** The few fields that one move needs, and nothing else. What is typed stays when somebody else moves the order. */
export function TransitionForm({ order, to, from, done, back }: Props) {
  const error = useSignal<string | null>(null);
  const busy = useSignal(false);
  const needsNote = to === 'rejected' || to === 'cancelled' || from === 'closed';
  // Nobody watches the condition of what a person has seen; only Millrace's own orders follow theirs.
  const stillActive = to === 'closed' && order.condition === 'active' && order.origin !== 'person';
  const isPlain = to === 'approved' || (to === 'in_progress' && from !== 'closed') || (to === 'closed' && !stillActive);
  const label = transitionLabel(from, to);
  const isMoved = order.state !== from && !busy.value;

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
  if (isPlain && error.value === null) return <p class="muted">{label} …</p>;
  return (
    <form
      class="form"
      onSubmit={(event) => {
        event.preventDefault();
        void move(new FormData(event.currentTarget));
      }}
      onKeyDown={(event) => event.key === 'Escape' && back()}
    >
      {isMoved && (
        <p class="warn" role="status">
          {order.number} is now {order.state.replaceAll('_', ' ')} (by {order.events.at(-1)?.by ?? 'Millrace'}).
        </p>
      )}
      {stillActive && <p class="warn">What raised this order still holds. Close it all the same?</p>}
      {to === 'on_hold' && (
        <label>
          What it waits for
          <select name="hold_reason" required ref={focusOnAppearance}>
            <option value="" />
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
          <select name="outcome" required ref={focusOnAppearance}>
            <option value="" />
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
            <input type="datetime-local" name="scheduled_at" required min={startOfDay(now.peek())} />
          </label>
        </>
      )}
      {to === 'merged' && (
        <label>
          Into
          <select name="merge_into" required ref={focusOnAppearance}>
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
          <textarea
            name="note"
            required={needsNote}
            maxLength={5000}
            ref={needsNote || stillActive ? focusOnAppearance : null}
          />
        </label>
      )}
      <p class="form-error" role="alert">
        {error}
      </p>
      <div class="actions">
        {!isPlain && (
          <button
            type="submit"
            class={needsNote ? 'danger' : 'primary'}
            disabled={busy.value || !order.transitions.includes(to)}
          >
            {label}
          </button>
        )}
        <button type="button" onClick={back} ref={isPlain ? focusOnAppearance : null}>
          Back
        </button>
      </div>
    </form>
  );
}

/** The viewer's midnight as a datetime-local field takes it: nobody plans work for a day that is over. */
function startOfDay(ms: number): string {
  const offset = new Date(ms).getTimezoneOffset() * 60_000;
  return `${new Date(ms - offset).toISOString().slice(0, 10)}T00:00`;
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
      <select name="assigned_to" required ref={focusOnAppearance}>
        <option value="" />
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
