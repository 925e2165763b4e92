import type { Database } from '../../core/database.ts';

/** Batches are kept this long even when every follower has passed them, so that a restart of the API can look back. */
const keepMinutes = 60;
/** A follower that is further behind loses the feed and rebuilds from `reading`; at 2,500 rows/s a day is 4.8 GB. */
const keepAtMostHours = 24;

/**
 * Deletes batches older than an hour that every follower has passed, and any older than a day; writes down how far
 * (`feed_horizon`), so that a follower can see that it missed some. Answers the number of batches deleted.
 */
export async function pruneFeed(database: Database): Promise<number> {
  return database.withTransaction((connection) =>
    connection.execute(
      `with passed as (
         select g.gateway_id, coalesce(min(c.sequence), 0) as sequence
           from gateway g left join analytics_cursor c using (gateway_id) group by 1)
       , gone as (
         delete from reading_batch b using passed
          where b.gateway_id = passed.gateway_id
            and (b.stored_at < now() - $1 * interval '1 minute' and b.sequence <= passed.sequence
                 or b.stored_at < now() - $2 * interval '1 hour')
         returning b.gateway_id, b.sequence, b.stored_at)
       , horizon as (
         insert into feed_horizon (gateway_id, sequence, stored_at)
         select gateway_id, max(sequence), max(stored_at) from gone group by 1
         on conflict (gateway_id) do update
            set sequence = greatest(feed_horizon.sequence, excluded.sequence),
                stored_at = greatest(feed_horizon.stored_at, excluded.stored_at))
       select 1 from gone`,
      [keepMinutes, keepAtMostHours],
    ),
  );
}
