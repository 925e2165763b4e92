import type { z } from 'zod';
import type { Connection } from '../../core/database.ts';
import type { transitionBody, WorkOrderState } from '../schemas/work-order.ts';
import { reopenHours, statesBefore } from '../work-order-rules.ts';
import { addEvent } from './create-work-order.ts';

/** What the rules need to know of an order; the row is locked until the transaction ends. */
export async function lockWorkOrder(
  connection: Connection,
  id: number,
): Promise<
  | {
      state: WorkOrderState;
      assigned_to: number | null;
      number: string;
      machine_id: number;
      failure_mode: string;
      reopenable: boolean;
    }
  | undefined
> {
  const [row] = await connection.query<{
    state: WorkOrderState;
    assigned_to: number | null;
    number: string;
    machine_id: number;
    failure_mode: string;
    reopenable: boolean;
  }>(
    `select state, assigned_to, number, machine_id, failure_mode,
            coalesce(closed_at > now() - make_interval(hours => $2), false) as reopenable
       from work_order where work_order_id = $1 for update`,
    [id, reopenHours],
  );
  return row;
}

/**
 * Moves an order and writes its history. The statement itself asks that the order is still in the state the caller saw
 * and that such a move exists, so that no mistake above it can write a state that must not be. Answers false when not.
 */
export async function moveWorkOrder(
  connection: Connection,
  organizationId: number,
  employeeId: number,
  id: number,
  body: z.output<typeof transitionBody>,
  note: string,
): Promise<boolean> {
  const moved = await connection.execute(
    `update work_order
        set state = $3,
            hold_reason  = case when $3 = 'on_hold' then $5 end,
            outcome      = coalesce($6, outcome),
            assigned_to  = coalesce($7::int, assigned_to),
            scheduled_at = coalesce($8::timestamptz, scheduled_at),
            started_at   = case when $3 = 'in_progress' then coalesce(started_at, now()) else started_at end,
            done_at      = case when $3 = 'work_done' then now() when $3 = 'in_progress' then null else done_at end,
            closed_at    = case when $3 in ('closed', 'rejected', 'cancelled', 'merged') then now() end
      where work_order_id = $1 and state = $2 and state = any($4)`,
    [
      id,
      body.from,
      body.to,
      statesBefore(body.to),
      body.hold_reason ?? null,
      body.outcome ?? null,
      body.assigned_to ?? null,
      body.scheduled_at ?? null,
    ],
  );
  if (moved !== 1) return false;
  await addEvent(connection, organizationId, id, employeeId, 'state', body.from, body.to, note);
  if (body.assigned_to !== undefined) {
    await addEvent(connection, organizationId, id, employeeId, 'assigned', null, String(body.assigned_to), '');
  }
  return true;
}

/** The open order that another one may be merged into: of the same machine, not itself, not finished. Locked. */
export async function findMergeTarget(
  connection: Connection,
  id: number,
  into: number,
): Promise<{ work_order_id: number; number: string } | undefined> {
  const [row] = await connection.query<{ work_order_id: number; number: string }>(
    `select t.work_order_id, t.number from work_order t join work_order o on o.machine_id = t.machine_id
      where o.work_order_id = $1 and t.work_order_id = $2 and t.work_order_id <> o.work_order_id
        and t.state not in ('closed', 'rejected', 'cancelled', 'merged')
        for update of t`,
    [id, into],
  );
  return row;
}

/**
 * Writes into the history of order `into` that order `id` was merged into it. The faults of that one that still go on
 * belong to it from then on, each by an event: without it, nobody was told any more that they were there.
 */
export async function noteMerge(
  connection: Connection,
  organizationId: number,
  employeeId: number,
  id: number,
  into: number,
  note: string,
): Promise<void> {
  await connection.execute(
    `insert into work_order_event (organization_id, work_order_id, employee_id, kind, fault_id, from_value, note, evidence)
     select $1, $4, $2, 'merged', f.fault_id, o.number, $5, coalesce(f.evidence, '{}')
       from work_order o
       left join lateral (select distinct on (f.fault_id) f.fault_id, f.evidence
                            from work_order_event e join fault f using (fault_id)
                           where e.work_order_id = o.work_order_id and f.ended_at is null) f on true
      where o.work_order_id = $3`,
    [organizationId, employeeId, id, into, note],
  );
}
