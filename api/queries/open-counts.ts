import type { Connection } from '../../core/database.ts';
import { finishedOrder, openAlarm } from './machines.ts';

/** What is open on one machine at one priority; sums over machines give the counts of a line or of the plant. */
export interface OpenCount {
  machine_id: number;
  priority: number;
  open: number;
  /** Alarms: not acknowledged. Orders: overdue. */
  pressing: number;
}

export function readOpenAlarmCounts(connection: Connection): Promise<OpenCount[]> {
  return connection.query<OpenCount>(
    `select machine_id, priority, count(*)::int as open, count(*) filter (where state <> 'acknowledged')::int as pressing
       from alarm where state ${openAlarm} group by machine_id, priority`,
  );
}

export function readOpenOrderCounts(connection: Connection, nowMs: number): Promise<OpenCount[]> {
  return connection.query<OpenCount>(
    `select machine_id, priority, count(*)::int as open,
            count(*) filter (where due_at < to_timestamp($1::float8) and state <> 'work_done')::int as pressing
       from work_order where state not ${finishedOrder} group by machine_id, priority`,
    [nowMs / 1000],
  );
}
