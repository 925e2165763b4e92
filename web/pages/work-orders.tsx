import { useComputed, useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import type { WorkOrder, WorkOrderDetail, WorkOrderState } from '../../api/schemas/work-order.ts';
import { post, RequestError, sentenceFor } from '../fetch.ts';
import { formatAgo } from '../format/times.ts';
import { now, openOrders, wantValues } from '../live/store.ts';
import { filterQueries, Filters, matches, newestFiltered } from '../parts/filters.tsx';
import { Empty, Failed, Waiting } from '../parts/notice.tsx';
import { DueDate, ConditionWord } from '../parts/order-words.tsx';
import { useResource } from '../parts/resource.ts';
import { Moment, Place, Priority, sentenceCase } from '../parts/words.tsx';
import { plant } from '../plant.ts';
import { changeQuery, navigate, queryValue, setQuery } from '../router.ts';
import { formText } from '../parts/form-text.ts';
import { focusOnAppearance } from '../parts/focus.ts';

const columns: WorkOrderState[] = ['proposed', 'approved', 'scheduled', 'in_progress', 'on_hold', 'work_done'];

/** Work orders: a board by state, a list, or those that are finished. */
export default function WorkOrdersPage() {
  useEffect(() => wantValues({ values: 'none' }), []);
  const show = queryValue('show');
  return (
    <div class="page">
      <header class="page-head">
        <h1>Work orders</h1>
        <Filters
          choices={[
            ['', 'Board'],
            ['list', 'List'],
            ['finished', 'Finished'],
          ]}
        />
        <a
          class="button"
          href={`/work-orders${changeQuery(location.search, { new: queryValue('new') === null ? 'any' : null })}`}
        >
          Report a problem
        </a>
      </header>
      {queryValue('new') !== null && <NewOrder machineId={Number(queryValue('new')) || null} />}
      {show === 'finished' ? <Finished /> : <Open asBoard={show !== 'list'} />}
    </div>
  );
}

function Open({ asBoard }: { asBoard: boolean }) {
  const rows = useComputed(() =>
    openOrders.value === null ? null : [...openOrders.value.values()].filter((order) => matches(order)).sort(byUrgency),
  );
  if (rows.value === null) return <Waiting lines={8} />;
  if (rows.value.length === 0)
    return (
      <Empty title="No open work orders">
        Orders are raised when a fault is diagnosed, and by people with “Report a problem”.
      </Empty>
    );
  return asBoard ? <Board rows={rows.value} /> : <List rows={rows.value} />;
}

function Board({ rows }: { rows: WorkOrder[] }) {
  return (
    <div class="board">
      {columns.map((state) => {
        const here = rows.filter((order) => order.state === state);
        return (
          <section key={state} class="board-column" aria-label={sentenceCase(state)}>
            <h2>
              {sentenceCase(state)} <span class="muted">{here.length}</span>
            </h2>
            {here.length === 0 && <p class="muted small">Nothing here</p>}
            {here.map((order) => (
              <Card key={order.work_order_id} order={order} />
            ))}
          </section>
        );
      })}
    </div>
  );
}

function Card({ order }: { order: WorkOrder }) {
  const age = useComputed(() => formatAgo(Date.parse(order.created_at), now.value));
  return (
    <a
      class={`card card-${order.priority}`}
      href={`/work-orders/${order.work_order_id}`}
      data-order={order.work_order_id}
    >
      <span class="card-top">
        <Priority value={order.priority} />
        {order.number}
        {order.occurrences > 1 && <span>× {order.occurrences}</span>}
      </span>
      <span class="card-title">{order.title}</span>
      <span>
        {order.machine_title}{' '}
        <span class="muted small">
          {order.line_title}, {order.site_title}
        </span>
      </span>
      <span class="card-foot">
        <span>{age}</span>
        {order.hold_reason !== null && <span>waits for {order.hold_reason.replace('_', ' ')}</span>}
        {order.assigned_name !== null && <span>{order.assigned_name}</span>}
        <ConditionWord order={order} />
        <DueDate order={order} />
      </span>
    </a>
  );
}

function List({ rows }: { rows: WorkOrder[] }) {
  return (
    <div class="panel scroll-x">
      <table class="order-table">
        <thead>
          <tr>
            <th>Priority</th>
            <th>Order</th>
            <th>Machine</th>
            <th>State</th>
            <th>Condition</th>
            <th>Raised</th>
            <th>Due</th>
            <th>Who</th>
          </tr>
        </thead>
        <tbody>
          {rows.map((order) => (
            <tr key={order.work_order_id} data-order={order.work_order_id}>
              <td>
                <Priority value={order.priority} />
              </td>
              <td>
                <a href={`/work-orders/${order.work_order_id}`}>{order.title}</a>
                <br />
                <span class="muted small">
                  {order.number}
                  {order.occurrences > 1 && ` · seen ${order.occurrences} times`}
                </span>
              </td>
              <td>
                <Place row={order} />
              </td>
              <td>
                {sentenceCase(order.state)}
                {order.outcome !== null && <span class="muted small"> {sentenceCase(order.outcome)}</span>}
              </td>
              <td>
                <ConditionWord order={order} />
              </td>
              <td>
                <Moment at={order.created_at} site={order.site_id} />
              </td>
              <td>
                <DueDate order={order} bare />
              </td>
              <td>{order.assigned_name ?? <span class="muted">—</span>}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Finished() {
  const queries = filterQueries();
  const past = useResource<WorkOrder[]>(
    `finished ${queries.join(' ')}`,
    (abort) => newestFiltered<WorkOrder>('/work-orders?open=false&', queries, (order) => order.created_at, abort),
    30,
  );
  if (past.value === null)
    return past.error === null ? (
      <Waiting lines={8} />
    ) : (
      <Failed what="Finished orders" error={past.error} retry={past.reload} />
    );
  if (past.value.length === 0) return <Empty title="No finished work order passes these filters" />;
  return <List rows={past.value} />;
}

/** A person reports a problem. When an order for it is open already, that order is shown instead of a refusal. */
function NewOrder({ machineId }: { machineId: number | null }) {
  const error = useSignal<string | null>(null);
  const existing = useSignal<{ id: number; number?: string | undefined } | null>(null);
  const busy = useSignal(false);
  if (plant.value === null) return <Waiting lines={3} />;
  const { lines, machines } = plant.value;

  async function submit(event: Event): Promise<void> {
    event.preventDefault();
    const form = new FormData(event.currentTarget as HTMLFormElement);
    const text = (name: string): string => formText(form, name);
    busy.value = true;
    error.value = null;
    existing.value = null;
    try {
      const order = await post<WorkOrderDetail>('/work-orders', {
        machine_id: Number(text('machine')),
        title: text('title'),
        description: text('description'),
        priority: Number(text('priority')),
        production_impact: text('impact'),
      });
      navigate(`/work-orders/${order.work_order_id}`);
    } catch (failure) {
      error.value = sentenceFor(failure);
      if (failure instanceof RequestError) existing.value = failure.problem?.existing ?? null;
    }
    busy.value = false;
  }

  return (
    <section class="panel">
      <h2>Report a problem</h2>
      <form
        class="form"
        onSubmit={(event) => void submit(event)}
        onKeyDown={(event) => event.key === 'Escape' && setQuery({ new: null })}
      >
        <label>
          Machine
          <select name="machine" required>
            {machineId === null && <option value="" />}
            {lines.map((line) => (
              <optgroup key={line.line_id} label={`${line.site_title} – ${line.title}`}>
                {machines
                  .filter((machine) => machine.line_id === line.line_id)
                  .map((machine) => (
                    <option
                      key={machine.machine_id}
                      value={machine.machine_id}
                      selected={machine.machine_id === machineId}
                    >
                      {machine.machine_title}
                    </option>
                  ))}
              </optgroup>
            ))}
          </select>
        </label>
        <label>
          What is wrong
          <input name="title" required minLength={3} maxLength={200} ref={focusOnAppearance} />
        </label>
        <label>
          More (optional)
          <textarea name="description" maxLength={10_000} />
        </label>
        <div class="form-row">
          <label>
            Priority
            <select name="priority">
              <option value="1">P1 – act now</option>
              <option value="2">P2 – today</option>
              <option value="3" selected>
                P3 – this week
              </option>
              <option value="4">P4 – when there is time</option>
            </select>
          </label>
          <label>
            Production
            <select name="impact">
              <option value="down">stands still</option>
              <option value="impacting" selected>
                is slowed
              </option>
              <option value="none">goes on</option>
            </select>
          </label>
        </div>
        <p class="form-error" role="alert">
          {error}{' '}
          {existing.value !== null && (
            <a href={`/work-orders/${existing.value.id}`}>Open {existing.value.number ?? 'that order'}</a>
          )}
        </p>
        <div class="actions">
          <button type="submit" class="primary" disabled={busy}>
            Report
          </button>
          <button type="button" onClick={() => setQuery({ new: null })}>
            Cancel
          </button>
        </div>
      </form>
    </section>
  );
}

function byUrgency(a: WorkOrder, b: WorkOrder): number {
  return a.priority - b.priority || b.created_at.localeCompare(a.created_at);
}
