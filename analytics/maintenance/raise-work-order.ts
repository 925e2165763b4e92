import type { Connection, Database } from '../../core/database.ts';
import { priorityOf } from '../alarms/priority.ts';
import { staleMinutes } from '../alarms/stale-machines.ts';

/** Hours until an order is due, by priority 1..4. A rise of the priority brings it nearer: "act now" is not due tomorrow. */
const dueHours = [4, 24, 72, 14 * 24] as const;
/** An order for the same failure within this time after the last one was closed is marked as a repeat. */
const repeatDays = 30;
/**
 * A fault that still goes on so long after its order was ended rings again, as a new order that points to the old one.
 * Four hours: half a shift, in which a machine that was repaired has run long enough to show whether it helped, and a
 * shift can still act. After a person said that it is no work (rejected): the next day. A merged one lives on elsewhere.
 */
export const ringAgainHours = { closed: 4, cancelled: 4, rejected: 24 } as const;
/** Events by which a fault belongs to an order; the last one says to which. Merging takes the faults along. */
export const belongsSql = `e.kind in ('created', 'occurrence', 'still_active', 'merged')`;
/**
 * What is known of the condition of order `w`: a fault of it goes on, or none does; unknown while its machine has been
 * silent for as long as makes an alarm (`alarms/stale-machines.ts`), because nothing can return then.
 */
export const conditionSql = `case
  when not exists (select 1 from fault f join work_order_event e using (fault_id)
                    where e.work_order_id = w.work_order_id and ${belongsSql} and f.ended_at is null) then 'cleared'
  when exists (select 1 from machine_progress p
                where p.machine_id = w.machine_id and p.known_to - p.heard_at > interval '${staleMinutes} minutes') then 'unknown'
  else 'active' end`;
/** Only a clear diagnosis of the worst severity is approved without a person. */
const approveConfidence = 0.8;

/** Whether an order `w` was ended so long ago that its fault, if it still goes on, rings again. */
export const ringsAgainSql = `(${Object.entries(ringAgainHours)
  .map(([state, hours]) => `w.state = '${state}' and w.closed_at < clock_timestamp() - interval '${hours} hours'`)
  .join(' or ')})`;

const titles: Record<string, string> = {
  bearing: 'Bearing damage',
  overheating: 'Overheating',
  tool_wear: 'Tool wear',
  electrical: 'Electrical fault',
  unknown: 'Limit exceeded',
};

interface FaultRow {
  fault_id: number;
  organization_id: number;
  machine_id: number;
  machine: string;
  machine_title: string;
  criticality: 'A' | 'B' | 'C';
  failure_mode: string;
  started_at: string;
  ended_at: string | null;
  confidence: number;
  severity: number;
  evidence: unknown;
  machine_down: boolean;
}

/** Title of an order: the failure mode, the machine as planners know it, and its name where that is another. */
function orderTitle({ failure_mode: mode, machine, machine_title: title }: FaultRow): string {
  const code = mode.startsWith('plc_') ? `Fault code ${mode.slice(4)}` : undefined;
  return `${code ?? titles[mode] ?? mode} on ${title === machine ? machine : `${title} (${machine})`}`;
}

/**
 * Brings a fault to its work order. There is at most one open order per machine and failure mode, by a partial unique
 * index: a new fault opens it or joins it (occurrences + 1, priority only upwards). Each fault does so once
 * (`work_order_event_once_per_fault`), however often and from however many workers this is called; and once more when it
 * goes on for hours after its order was ended (`ringAgainHours`). Answers the order.
 */
export async function raiseWorkOrder(database: Database, faultId: number): Promise<number | null> {
  return database.withTransaction(async (connection) => {
    // Serialises the workers that answer the same fault; different faults of a machine meet in the unique index.
    await connection.query('select 1 from fault where fault_id = $1 for update', [faultId]);
    const fault = await readFault(connection, faultId);
    if (fault === undefined) return null;
    const [last] = await connection.query<{ work_order_id: number; rings_again: boolean }>(
      `select w.work_order_id, coalesce(${ringsAgainSql}, false) as rings_again from work_order_event e join work_order w using (work_order_id)
        where e.fault_id = $1 and ${belongsSql} order by e.work_order_event_id desc limit 1`,
      [faultId],
    );
    // A fault that was over before anybody came to it still opens its order, with the condition cleared.
    const brings = last === undefined || (last.rings_again && fault.ended_at === null);
    const orderId = brings ? await openOrJoin(connection, fault, last !== undefined) : (last?.work_order_id ?? null);
    if (orderId !== null) await followFault(connection, fault, orderId);
    return orderId;
  });
}

async function readFault(connection: Connection, faultId: number): Promise<FaultRow | undefined> {
  const [fault] = await connection.query<FaultRow>(
    `select f.*, to_char(f.started_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') as started_at,
            m.name as machine, m.title as machine_title, m.criticality,
            exists (select 1 from machine_state s where s.machine_id = f.machine_id and s.ended_at is null and s.state = 'down') as machine_down
       from fault f join machine m using (machine_id) where f.fault_id = $1`,
    [faultId],
  );
  return fault;
}

async function openOrJoin(connection: Connection, fault: FaultRow, again: boolean): Promise<number> {
  const priority = priorityOf(fault.severity, fault.criticality);
  const approved = fault.severity === 1 && fault.confidence >= approveConfidence;
  const [order] = await connection.query<{ work_order_id: number; is_new: boolean }>(
    `insert into work_order as w (organization_id, machine_id, failure_mode, fault_id, title, state, priority, production_impact,
            due_at, last_seen_at, evidence, repeat_of)
     values ($1, $2, $3, $4, $5, $6, $7, $8, now() + $9 * interval '1 hour', now(), $10,
            (select work_order_id from work_order
              where machine_id = $2 and failure_mode = $3 and state in ('closed', 'cancelled', 'rejected')
                and closed_at > now() - $11 * interval '1 day'
              order by closed_at desc limit 1))
     on conflict (machine_id, failure_mode) where state not in ('closed', 'rejected', 'cancelled', 'merged') do update
        set occurrences = w.occurrences + 1, last_seen_at = now(), condition = 'active'
     returning work_order_id, xmax = 0 as is_new`,
    [
      fault.organization_id,
      fault.machine_id,
      fault.failure_mode,
      fault.fault_id,
      orderTitle(fault),
      approved ? 'approved' : 'proposed',
      priority,
      fault.machine_down ? 'down' : 'impacting',
      dueHours[priority - 1] ?? 24,
      JSON.stringify({
        ...(fault.evidence as object),
        confidence: fault.confidence,
        severity: fault.severity,
        fault_started_at: fault.started_at,
      }),
      repeatDays,
    ],
  );
  if (order === undefined)
    throw new Error(`The work order for fault ${fault.fault_id} was neither inserted nor joined.`);
  await note(
    connection,
    fault,
    order.work_order_id,
    again ? 'still_active' : order.is_new ? 'created' : 'occurrence',
    null,
    order.is_new ? (approved ? 'approved' : 'proposed') : null,
    fault.fault_id,
  );
  return order.work_order_id;
}

/** Lets an open order follow its fault: priority upwards, a clearer failure mode, and whether the condition still holds. */
async function followFault(connection: Connection, fault: FaultRow, orderId: number): Promise<void> {
  const [order] = await connection.query<{ priority: number; failure_mode: string; condition: string; state: string }>(
    `select priority, failure_mode, condition, state from work_order
      where work_order_id = $1 and state not in ('closed', 'rejected', 'cancelled', 'merged') for update`,
    [orderId],
  );
  if (order === undefined) return;
  const priority = priorityOf(fault.severity, fault.criticality);
  if (priority < order.priority) {
    await connection.query(
      `update work_order set priority = $2, due_at = least(due_at, now() + $3 * interval '1 hour') where work_order_id = $1`,
      [orderId, priority, dueHours[priority - 1] ?? 24],
    );
    await note(connection, fault, orderId, 'priority', String(order.priority), String(priority));
  }
  if (order.failure_mode === 'unknown' && fault.failure_mode !== 'unknown') {
    // Another open order may have that failure mode already; then this one keeps its name for the planner to merge.
    const renamed = await connection.execute(
      `update work_order w set failure_mode = $2, title = $3
        where work_order_id = $1 and not exists (
              select 1 from work_order o where o.machine_id = w.machine_id and o.failure_mode = $2
                 and o.state not in ('closed', 'rejected', 'cancelled', 'merged'))`,
      [orderId, fault.failure_mode, orderTitle(fault)],
    );
    if (renamed > 0) await note(connection, fault, orderId, 'failure_mode', order.failure_mode, fault.failure_mode);
  }
  const [now] = await connection.query<{ condition: string }>(
    `select ${conditionSql} as condition from work_order w where work_order_id = $1`,
    [orderId],
  );
  const condition = now?.condition ?? order.condition;
  if (condition !== order.condition) {
    await connection.query('update work_order set condition = $2 where work_order_id = $1', [orderId, condition]);
    await note(connection, fault, orderId, 'condition', order.condition, condition);
  }
}

async function note(
  connection: Connection,
  fault: Pick<FaultRow, 'organization_id' | 'evidence'>,
  orderId: number,
  kind: string,
  from: string | null,
  to: string | null,
  faultId: number | null = null,
): Promise<void> {
  await connection.query(
    `insert into work_order_event (organization_id, work_order_id, kind, fault_id, from_value, to_value, evidence)
     values ($1, $2, $3, $4, $5, $6, $7)`,
    [fault.organization_id, orderId, kind, faultId, from, to, faultId === null ? '{}' : JSON.stringify(fault.evidence)],
  );
}
