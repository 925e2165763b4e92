import type { z } from 'zod';
import type { Connection } from '../../core/database.ts';
import type { Employee } from '../context.ts';
import { notFound, ProblemError } from '../problem.ts';
import { findOpenOrder } from '../queries/create-work-order.ts';
import { findMergeTarget, lockWorkOrder, moveWorkOrder } from '../queries/move-work-order.ts';
import type { transitionBody } from '../schemas/work-order.ts';
import { judgeTransition, missingFields, reopenHours } from '../work-order-rules.ts';

/**
 * Moves an order for an employee, or throws the problem that says why not. The order is locked first, so that what is
 * judged is what is changed. Answers the target when the order was merged into another.
 */
export async function transition(
  connection: Connection,
  employee: Employee,
  id: number,
  body: z.output<typeof transitionBody>,
): Promise<number | undefined> {
  const order = await lockWorkOrder(connection, id);
  if (order === undefined) throw notFound('work order', id);
  const existing = { id, number: order.number, state: order.state, link: `/api/v1/work-orders/${id}` };
  if (order.state !== body.from) {
    throw new ProblemError(
      'conflict',
      `${order.number} is ${words(order.state)} now, not ${words(body.from)}; somebody changed it.`,
      { existing },
    );
  }
  switch (judgeTransition(order.state, body.to, order.assigned_to, employee)) {
    case 'no such move':
      throw new ProblemError('conflict', `An order that is ${words(order.state)} cannot become ${words(body.to)}.`, {
        existing,
      });
    case 'not yours':
      throw new ProblemError(
        'forbidden',
        `Your role is ${employee.role}; you may not move ${order.number} from ${words(order.state)} to ${words(body.to)}.`,
      );
    case 'allowed':
  }
  needFields(body);
  if (order.state === 'closed') {
    await checkReopening(connection, order);
    await connection.query('savepoint before_move');
  }
  if (body.assigned_to !== undefined) await needEmployee(connection, body.assigned_to);
  let note = body.note;
  if (body.to === 'on_hold' && body.hold_reason !== undefined)
    note = `waits for ${words(body.hold_reason)}${note === '' ? '' : `: ${note}`}`;
  let into: number | undefined;
  if (body.to === 'merged' && body.merge_into !== undefined) {
    const target = await findMergeTarget(connection, id, body.merge_into);
    if (target === undefined) {
      throw new ProblemError(
        'conflict',
        `${order.number} can only be merged into another open order of the same machine; ${body.merge_into} is none.`,
      );
    }
    note = `into ${target.number}${note === '' ? '' : `: ${note}`}`;
    into = target.work_order_id;
  }
  const moved = await moveWorkOrder(connection, employee.organization_id, employee.employee_id, id, body, note).catch(
    async (error: unknown) => {
      // An order of the same trouble was committed since we looked: the unique index has the last word.
      if ((error as { constraint?: unknown }).constraint !== 'work_order_one_open') throw error;
      await connection.query('rollback to savepoint before_move');
      await checkReopening(connection, order);
      return false;
    },
  );
  if (!moved) {
    throw new ProblemError('conflict', `${order.number} cannot become ${words(body.to)} now.`, { existing });
  }
  return into;
}

/** A code as people say it: in_progress is "in progress". */
function words(code: string): string {
  return code.replaceAll('_', ' ');
}

function needFields(body: z.output<typeof transitionBody>): void {
  const missing = missingFields(body);
  if (missing.length === 0) return;
  throw new ProblemError('validation', `To become ${words(body.to)} an order needs ${missing.join(' and ')}.`, {
    errors: missing.map((field) => ({ field, value: body[field] ?? null, accepted: `a value, to become ${body.to}` })),
  });
}

async function checkReopening(
  connection: Connection,
  order: { number: string; reopenable: boolean; machine_id: number; failure_mode: string },
): Promise<void> {
  if (!order.reopenable) {
    throw new ProblemError(
      'conflict',
      `${order.number} was closed more than ${reopenHours} h ago; report the trouble as a new order.`,
    );
  }
  const open = await findOpenOrder(connection, order.machine_id, order.failure_mode);
  if (open === undefined) return;
  throw new ProblemError('conflict', `The machine has another open order for ${order.failure_mode}: ${open.number}.`, {
    existing: {
      id: open.work_order_id,
      number: open.number,
      state: open.state,
      link: `/api/v1/work-orders/${open.work_order_id}`,
    },
  });
}

async function needEmployee(connection: Connection, employeeId: number): Promise<void> {
  const [row] = await connection.query('select 1 from employee where employee_id = $1 and active', [employeeId]);
  if (row !== undefined) return;
  throw new ProblemError('validation', `assigned_to is ${employeeId}; accepted is an active employee.`, {
    errors: [{ field: 'assigned_to', value: employeeId, accepted: 'an active employee' }],
  });
}
