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

/** The rows of `old` with `rows` in place of those of the same key, without what is not to be kept. */
export function replaced<Row>(
  old: ReadonlyMap<number, Row>,
  rows: Row[],
  key: (row: Row) => number,
  keep: (row: Row) => boolean,
): Map<number, Row> {
  const next = new Map(old);
  for (const row of rows) {
    if (keep(row)) next.set(key(row), row);
    else next.delete(key(row));
  }
  return next;
}
