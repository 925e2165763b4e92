import type { z } from 'zod';
import type { Connection } from '../../core/database.ts';
import type { createWorkOrderBody } from '../schemas/work-order.ts';
import { finishedOrder } from './machines.ts';

export interface OpenOrder {
  work_order_id: number;
  number: string;
  state: string;
}

/** Hours until an order of priority 1 … 4 is due when nobody says otherwise; the same as analytics gives its own orders. */
const dueHours = [4, 24, 72, 14 * 24] as const;

/**
 * Creates an order as proposed, or answers the open one of the same machine and failure mode that the unique index
 * keeps it from doubling. Undefined: no such machine.
 */
export async function createWorkOrder(
  connection: Connection,
  organizationId: number,
  employeeId: number,
  body: z.output<typeof createWorkOrderBody>,
): Promise<{ created: number } | { existing: OpenOrder } | undefined> {
  const [machine] = await connection.query('select 1 from machine where machine_id = $1', [body.machine_id]);
  if (machine === undefined) return undefined;
  // An order may be closed between the refusal and the look for it; then the second attempt creates one.
  for (;;) {
    const [order] = await connection.query<{ work_order_id: number }>(
      `insert into work_order (organization_id, machine_id, failure_mode, origin, title, description, priority, production_impact, due_at)
       values ($1, $2, $3, 'person', $4, $5, $6, $7, coalesce($8::timestamptz, now() + make_interval(hours => $9)))
       on conflict (machine_id, failure_mode) where state not ${finishedOrder} do nothing
       returning work_order_id`,
      [
        organizationId,
        body.machine_id,
        body.failure_mode,
        body.title,
        body.description,
        body.priority,
        body.production_impact,
        body.due_at ?? null,
        dueHours[body.priority - 1] ?? dueHours[3],
      ],
    );
    if (order !== undefined) {
      await addEvent(connection, organizationId, order.work_order_id, employeeId, 'created', null, 'proposed', '');
      return { created: order.work_order_id };
    }
    const existing = await findOpenOrder(connection, body.machine_id, body.failure_mode);
    if (existing !== undefined) return { existing };
  }
}

export async function findOpenOrder(
  connection: Connection,
  machineId: number,
  failureMode: string,
): Promise<OpenOrder | undefined> {
  const [order] = await connection.query<OpenOrder>(
    `select work_order_id, number, state from work_order
      where machine_id = $1 and failure_mode = $2 and state not ${finishedOrder}`,
    [machineId, failureMode],
  );
  return order;
}

/** One line of an order's append-only history. */
export async function addEvent(
  connection: Connection,
  organizationId: number,
  workOrderId: number,
  employeeId: number,
  kind: string,
  from: string | null,
  to: string | null,
  note: string,
): Promise<void> {
  await connection.execute(
    `insert into work_order_event (organization_id, work_order_id, employee_id, kind, from_value, to_value, note)
     values ($1, $2, $3, $4, $5, $6, $7)`,
    [organizationId, workOrderId, employeeId, kind, from, to, note],
  );
}
