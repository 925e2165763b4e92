import type { Database } from '../../core/database.ts';
import type { Log } from '../../core/log.ts';

/** An hour beyond what analytics keeps at most: only when analytics is away is there anything left for ingest to delete. */
const feedHours = 25;
const rejectedDays = 31;
/** Newest first, up to so many bytes of rejected readings are kept, row overhead counted as 300. */
const rejectedBytes = 2e9;
const everyMs = 10 * 60_000;

export interface Pruned {
  batches: number;
  rejected: number;
}

/**
 * Bounds what would grow without end: batches of the feed that no follower fetched for 25 hours, with the mark
 * (`feed_horizon`) by which a follower sees that it missed them, and rejected readings beyond 31 days or 2 GB. The books
 * keep their counts. Answers how many rows were deleted.
 */
export async function prune(database: Database, gatewayId: number, mostRejectedBytes = rejectedBytes): Promise<Pruned> {
  const batches = await database.execute(
    `with gone as (
       delete from reading_batch where gateway_id = $1 and stored_at < now() - $2 * interval '1 hour'
       returning gateway_id, sequence, stored_at),
     horizon as (
       insert into feed_horizon (gateway_id, sequence, stored_at)
       select gateway_id, max(sequence), max(stored_at) from gone group by 1
       on conflict (gateway_id) do update
          set sequence = greatest(feed_horizon.sequence, excluded.sequence),
              stored_at = greatest(feed_horizon.stored_at, excluded.stored_at))
     select 1 from gone`,
    [gatewayId, feedHours],
  );
  const rejected = await database.execute(
    `delete from rejected_reading where received_at < now() - make_interval(days => $1)
        or rejected_reading_id <= (
           select max(rejected_reading_id) from (
             select rejected_reading_id, sum(300 + coalesce(pg_column_size(payload), 0)) over (order by rejected_reading_id desc) as bytes
               from rejected_reading) kept
            where bytes > $2)`,
    [rejectedDays, mostRejectedBytes],
  );
  return { batches, rejected };
}

/** Prunes every ten minutes. */
export function startHousekeeping(options: { database: Database; gatewayId: number; log: Log }): {
  close(): Promise<void>;
} {
  let running: Promise<void> = Promise.resolve();
  const timer = setInterval(() => {
    running = prune(options.database, options.gatewayId).then(
      ({ batches, rejected }) => {
        if (batches > 0)
          options.log.warn({ batches }, 'batches of the feed older than 25 hours were deleted: is analytics away?');
        if (rejected > 0) options.log.info({ rejected }, 'rejected readings beyond 31 days or 2 GB were deleted');
      },
      (error: unknown) => options.log.warn({ error }, 'old rows could not be deleted; tried again in ten minutes'),
    );
  }, everyMs);
  return {
    async close() {
      clearInterval(timer);
      await running;
    },
  };
}
