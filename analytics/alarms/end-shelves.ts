import type { Database } from '../../core/database.ts';

/**
 * Takes alarms off the shelf whose time is over (ISA-18.2): to the state that their condition and the people who have
 * seen them imply, as if they had never been shelved. Rows that another transaction has locked come with the next sweep.
 * Answers how many.
 */
export async function endShelves(database: Database): Promise<number> {
  return database.execute(
    `update alarm a
        set state = case when a.returned_at is null then case when a.acknowledged_at is null then 'unacknowledged' else 'acknowledged' end
                         when a.acknowledged_at is null then 'returned_unacknowledged' else 'normal' end,
            shelved_until = null
       from (select alarm_id from alarm where state = 'shelved' and shelved_until <= clock_timestamp()
              order by alarm_id for update skip locked) over
      where a.alarm_id = over.alarm_id`,
  );
}
