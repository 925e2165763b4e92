import { useSignal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import type { WorkOrderDetail, WorkOrderEvent, WorkOrderState } from '../../api/schemas/work-order.ts';
import { get } from '../fetch.ts';
import { isOpenOrder } from '../live/open.ts';
import { onOrder, wantValues } from '../live/store.ts';
import { Empty, Failed, Waiting } from '../parts/notice.tsx';
import { ConditionWord, DueDate } from '../parts/order-words.tsx';
import { useResource } from '../parts/resource.ts';
import { TransitionForm, transitionLabel } from '../parts/transition-form.tsx';
import { Why } from '../parts/why.tsx';
import { Fact, Moment, Place, Priority, sentenceCase } from '../parts/words.tsx';
import { shownOrder } from '../title.ts';

/** One work order: why it was raised, what may be done with it now, and all that happened to it. */
export default function WorkOrderPage({ id }: { id: number }) {
  const order = useResource<WorkOrderDetail>(`order ${id}`, (abort) => get(`/work-orders/${id}`, abort));
  useEffect(() => wantValues({ values: 'none' }), []);
  useEffect(() => {
    shownOrder.value = order.value;
    return () => {
      shownOrder.value = null;
    };
  }, [order.value]);
  // Somebody else moved it, or the fault came back: the page shows that without being asked.
  useEffect(() => onOrder((changed) => changed.work_order_id === id && order.reload()), [id]);
  if (order.value === null)
    return order.error === null ? (
      <Waiting lines={10} />
    ) : order.missing ? (
      <Empty title="There is no such work order">
        <a href="/work-orders">All work orders</a>
      </Empty>
    ) : (
      <Failed what="The work order" error={order.error} retry={order.reload} />
    );
  return <Loaded order={order.value} reload={order.reload} />;
}

function Loaded({ order, reload }: { order: WorkOrderDetail; reload(): void }) {
  return (
    <div class="page narrow">
      <header class="heading">
        <div class="heading-name">
          <nav class="crumbs" aria-label="Where this order stands">
            <a href="/work-orders">Work orders</a> › {order.number}
          </nav>
          <h1>
            <Priority value={order.priority} /> {order.title}
          </h1>
        </div>
        <dl class="facts" id="order-state" tabIndex={-1}>
          <Fact name="State">{sentenceCase(order.state)}</Fact>
          {isOpenOrder(order) && (
            <Fact name="Condition">
              <ConditionWord order={order} />
            </Fact>
          )}
          <Fact name="Due">
            <DueDate order={order} bare />
          </Fact>
        </dl>
      </header>
      <div class="order">
        <div class="order-main">
          <Why order={order} />
          <section class="panel">
            <h2>What happened</h2>
            <ol class="history">
              {[...order.events].reverse().map((event) => (
                <HistoryLine key={event.work_order_event_id} event={event} site={order.site_id} />
              ))}
            </ol>
          </section>
        </div>
        <aside class="order-side">
          <Actions order={order} reload={reload} />
          <section class="panel">
            <dl class="stack">
              <Fact name="Machine">
                <Place row={order} />
              </Fact>
              <Fact name="Failure mode">{sentenceCase(order.failure_mode)}</Fact>
              <Fact name="Production">{sentenceCase(order.production_impact)}</Fact>
              <Fact name="Assigned to">{order.assigned_name ?? 'nobody yet'}</Fact>
              {order.scheduled_at !== null && (
                <Fact name="Scheduled">
                  <Moment at={order.scheduled_at} site={order.site_id} />
                </Fact>
              )}
              <Fact name="Raised">
                <Moment at={order.created_at} site={order.site_id} />{' '}
                <span class="muted small">
                  by {order.origin === 'person' ? 'a person' : order.origin === 'plan' ? 'a plan' : 'Millrace'}
                </span>
              </Fact>
              <Fact name="Seen">
                {order.occurrences} {order.occurrences === 1 ? 'time' : 'times'}, last{' '}
                <Moment at={order.last_seen_at} site={order.site_id} />
              </Fact>
              {order.repeat_of !== null && (
                <Fact name="Repeat of">
                  <a href={`/work-orders/${order.repeat_of}`}>an earlier order</a>
                </Fact>
              )}
              {order.outcome !== null && <Fact name="Outcome">{sentenceCase(order.outcome)}</Fact>}
            </dl>
          </section>
        </aside>
      </div>
    </div>
  );
}

function Actions({ order, reload }: { order: WorkOrderDetail; reload(): void }) {
  const chosen = useSignal<{ from: WorkOrderState; to: WorkOrderState } | null>(null);
  const section = useRef<HTMLElement>(null);
  const left = useRef<WorkOrderState | null>(null);
  // The form is gone, and the focus with it: back to the button that opened it.
  useEffect(() => {
    if (chosen.value === null && left.current !== null)
      section.current?.querySelector<HTMLElement>(`[data-to="${left.current}"]`)?.focus();
    left.current = null;
  }, [chosen.value]);
  if (order.transitions.length === 0 && chosen.value === null) return null;
  return (
    <section class="panel" ref={section}>
      <h2>Next</h2>
      {chosen.value === null ? (
        <div class="actions">
          {inOrder(order.transitions).map((to, at) => (
            <button
              key={to}
              type="button"
              class={at === 0 ? 'primary' : to === 'rejected' || to === 'cancelled' ? 'danger' : ''}
              data-to={to}
              onClick={() => (chosen.value = { from: order.state, to })}
            >
              {transitionLabel(order.state, to)}
            </button>
          ))}
        </div>
      ) : (
        <TransitionForm
          order={order}
          {...chosen.value}
          done={() => {
            chosen.value = null;
            reload();
            document.getElementById('order-state')?.focus();
          }}
          back={() => {
            left.current = chosen.peek()?.to ?? null;
            chosen.value = null;
          }}
        />
      )}
    </section>
  );
}

/** The usual next move first, ways out last. */
function inOrder(transitions: WorkOrderState[]): WorkOrderState[] {
  const usual: WorkOrderState[] = [
    'approved',
    'scheduled',
    'work_done',
    'in_progress',
    'closed',
    'on_hold',
    'merged',
    'rejected',
    'cancelled',
  ];
  return usual.filter((state) => transitions.includes(state));
}

function HistoryLine({ event, site }: { event: WorkOrderEvent; site: number }) {
  return (
    <li>
      <span class="muted">
        <Moment at={event.at} site={site} />
      </span>
      <span>
        {eventSentence(event)} <span class="muted">{event.by ?? 'Millrace'}</span>
      </span>
      {event.note !== '' && <span class="history-note">{event.note}</span>}
    </li>
  );
}

function eventSentence({ kind, from_value, to_value }: WorkOrderEvent): string {
  const change =
    from_value !== null && to_value !== null
      ? `${sentenceCase(from_value)} → ${sentenceCase(to_value)}`
      : sentenceCase(to_value ?? from_value ?? '');
  switch (kind) {
    case 'created':
      return 'Raised';
    case 'state':
      return change;
    case 'occurrence':
      return `Seen again (${to_value ?? 'once more'})`;
    case 'still_active':
      return 'Raised again: the fault was still there long after its last order had ended';
    case 'failure_mode':
      return `Diagnosis became clearer: ${change}`;
    case 'priority':
      return `Priority ${from_value ?? ''} → ${to_value ?? ''}`;
    case 'condition':
      return `Condition: ${change}`;
    default:
      return `${sentenceCase(kind)}${change === '' ? '' : `: ${change}`}`;
  }
}
