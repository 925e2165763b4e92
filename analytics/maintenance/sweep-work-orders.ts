import type { Database } from '../../core/database.ts';
import { belongsSql, conditionSql, ringsAgainSql } from './raise-work-order.ts';

/** A proposed order that nobody touched is cancelled when its condition has been gone for this long. */
export const cancelAfterMinutes = 30;

/**
 * Faults that have not reached an order yet (what was over days ago needs nobody any more), whose order does not show yet whether they go on or that they changed, or that
 * still go on long after their order was ended.
 */
export async function faultsToBring(database: Database): Promise<number[]> {
  const rows = await database.query<{ fault_id: number }>(
    `select f.fault_id from fault f
      where (f.ended_at is null or f.started_at > now() - interval '3 days')
        and not exists (
            select 1 from work_order_event e where e.fault_id = f.fault_id and e.kind in ('created', 'occurrence'))
     union
     select f.fault_id from work_order w
       join work_order_event e on e.work_order_id = w.work_order_id and ${belongsSql}
       join fault f on f.fault_id = e.fault_id
      where w.state not in ('closed', 'rejected', 'cancelled', 'merged')
        and (w.condition <> ${conditionSql}
             or w.failure_mode = 'unknown' and f.failure_mode <> 'unknown' and f.ended_at is null)
     union
     select f.fault_id from fault f
      cross join lateral (select e.work_order_id from work_order_event e
                           where e.fault_id = f.fault_id and ${belongsSql}
                           order by e.work_order_event_id desc limit 1) last
       join work_order w using (work_order_id)
      where f.ended_at is null and ${ringsAgainSql}`,
  );
  return rows.map((row) => row.fault_id);
}

/**
 * Cancels orders that cleared by themselves: still proposed, never touched by a person, condition gone for the dwell
 * time. Work that somebody approved or started is never ended by a signal. Answers how many.
 */
export async function cancelCleared(database: Database): Promise<number> {
  return database.execute(
    `with gone as (
       update work_order w set state = 'cancelled', closed_at = now()
        where w.state = 'proposed' and w.condition = 'cleared' and w.assigned_to is null
          and not exists (select 1 from work_order_event e where e.work_order_id = w.work_order_id and e.employee_id is not null)
          and not exists (select 1 from work_order_event e where e.work_order_id = w.work_order_id and e.kind = 'condition'
                             and e.at > now() - $1 * interval '1 minute')
       returning w.organization_id, w.work_order_id)
     insert into work_order_event (organization_id, work_order_id, kind, from_value, to_value, note)
     select organization_id, work_order_id, 'state', 'proposed', 'cancelled', 'The condition cleared by itself.' from gone`,
    [cancelAfterMinutes],
  );
}
