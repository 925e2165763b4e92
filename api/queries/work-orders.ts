import type { Connection } from '../../core/database.ts';
import { decodeCursor, toPage } from '../cursor.ts';
import type { WorkOrder, WorkOrderDetail, WorkOrderEvent, WorkOrderState } from '../schemas/work-order.ts';
import { finishedOrder } from './machines.ts';
import { addPlace, conditions, placeColumns, placeJoins, toRfc3339, toRfc3339OrNull, type Conditions } from './row.ts';

const orderColumns = `o.work_order_id, o.number, ${placeColumns}, o.failure_mode, o.fault_id, o.origin, o.title, o.state,
  o.hold_reason, o.priority, o.production_impact, o.assigned_to, e.name as assigned_name, o.created_at, o.due_at,
  o.scheduled_at, o.started_at, o.done_at, o.closed_at, o.outcome, o.occurrences, o.last_seen_at, o.condition, o.repeat_of`;
const orderJoins = `join machine m on m.machine_id = o.machine_id ${placeJoins} left join employee e on e.employee_id = o.assigned_to`;

export interface WorkOrderFilters {
  site?: number | undefined;
  line?: number | undefined;
  machine?: number | undefined;
  state?: WorkOrderState | undefined;
  priority?: number | undefined;
  open?: 'true' | 'false' | undefined;
  failure_mode?: string | undefined;
  assigned_to?: number | undefined;
  overdue?: 'true' | 'false' | undefined;
}

/** Work orders, newest first. `nowMs` decides what is overdue. */
export async function listWorkOrders(
  connection: Connection,
  query: WorkOrderFilters & { limit: number; cursor?: string | undefined },
  nowMs: number,
): Promise<{ items: WorkOrder[]; next: string | null }> {
  const where = conditions();
  addPlace(where, query);
  where.add('o.state = ?', query.state);
  where.add('o.priority = ?', query.priority);
  where.add('o.failure_mode = ?', query.failure_mode);
  where.add('o.assigned_to = ?', query.assigned_to);
  if (query.open !== undefined) where.add(`o.state ${query.open === 'true' ? 'not ' : ''}${finishedOrder}`, true);
  if (query.overdue !== undefined) where.add(`${query.overdue === 'true' ? '' : 'not '}${overdue(where, nowMs)}`, true);
  const after = decodeCursor(query.cursor, 'work_orders', ['time', 'number']);
  if (after !== undefined)
    where.add(`(o.created_at, o.work_order_id) < (${after.map((part) => where.parameter(part)).join(', ')})`, true);
  const rows = await selectOrders(connection, where, nowMs, query.limit + 1);
  const page = toPage(rows, query.limit, 'work_orders', (row) => [row.created_at, row.work_order_id]);
  return { items: page.items.map(toWorkOrder), next: page.next };
}

/** The newest `most` of these orders; those of other organizations are left out by row-level security. */
export async function readWorkOrders(
  connection: Connection,
  ids: readonly number[],
  nowMs: number,
  most = ids.length,
): Promise<WorkOrder[]> {
  const where = conditions();
  where.add('o.work_order_id = any(?)', ids);
  return (await selectOrders(connection, where, nowMs, most)).map(toWorkOrder);
}

/** One order with its evidence and history, newest last, or undefined. */
export async function readWorkOrder(
  connection: Connection,
  id: number,
  nowMs: number,
): Promise<Omit<WorkOrderDetail, 'transitions'> | undefined> {
  const [order] = await readWorkOrders(connection, [id], nowMs);
  if (order === undefined) return undefined;
  const [texts] = await connection.query<Pick<WorkOrderDetail, 'description' | 'evidence'>>(
    'select description, evidence from work_order where work_order_id = $1',
    [id],
  );
  const events = await connection.query<WorkOrderEvent>(
    // Who an order was given to is kept by id, since names change, and read by name.
    `select v.work_order_event_id, v.at, e.name as by, v.kind, v.from_value, coalesce(g.name, v.to_value) as to_value, v.note, v.evidence
       from work_order_event v left join employee e using (employee_id)
       left join employee g on v.kind = 'assigned' and g.employee_id::text = v.to_value
      where v.work_order_id = $1 order by v.work_order_event_id limit 1000`,
    [id],
  );
  return {
    ...order,
    description: texts?.description ?? '',
    evidence: texts?.evidence ?? {},
    events: events.map((event) => ({ ...event, at: toRfc3339(event.at) })),
  };
}

function overdue(where: Conditions, nowMs: number): string {
  return `(coalesce(o.due_at < to_timestamp(${where.parameter(nowMs / 1000)}::float8), false) and o.state not in ('work_done', 'closed', 'rejected', 'cancelled', 'merged'))`;
}

function selectOrders(connection: Connection, where: Conditions, nowMs: number, limit: number): Promise<WorkOrder[]> {
  return connection.query<WorkOrder>(
    `select ${orderColumns}, ${overdue(where, nowMs)} as overdue
       from work_order o ${orderJoins} ${where.toSql()}
      order by o.created_at desc, o.work_order_id desc limit ${where.parameter(limit)}`,
    where.parameters,
  );
}

function toWorkOrder(row: WorkOrder): WorkOrder {
  return {
    ...row,
    created_at: toRfc3339(row.created_at),
    due_at: toRfc3339OrNull(row.due_at),
    scheduled_at: toRfc3339OrNull(row.scheduled_at),
    started_at: toRfc3339OrNull(row.started_at),
    done_at: toRfc3339OrNull(row.done_at),
    closed_at: toRfc3339OrNull(row.closed_at),
    last_seen_at: toRfc3339(row.last_seen_at),
  };
}
