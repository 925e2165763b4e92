import type { Alarm } from '../../api/schemas/alarm.ts';
import type { WorkOrder } from '../../api/schemas/work-order.ts';

/** Whether an alarm still needs a person. */
export function isOpenAlarm(alarm: Alarm): boolean {
  return alarm.active || alarm.state === 'returned_unacknowledged' || alarm.state === 'unacknowledged';
}

/** Whether an order is not finished. */
export function isOpenOrder(order: Pick<WorkOrder, 'state'>): boolean {
  return !['closed', 'rejected', 'cancelled', 'merged'].includes(order.state);
}
