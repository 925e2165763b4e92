import type { Connection } from '../../core/database.ts';
import type { KnownFailure } from './fault-codes.ts';

/**
 * A fault code comes this much after its failure's other alarms have returned at most: the machine stops, the sensors
 * fall back within seconds, and the code was seen up to 17 s later; ten minutes leave room for a gateway's buffer.
 */
const afterwardsMinutes = 10;

/** Failures of a machine that ended shortly before `atMs` or that still have an open work order, newest first. */
export async function readKnownFailures(
  connection: Connection,
  machineId: number,
  atMs: number,
): Promise<KnownFailure[]> {
  return connection.query<KnownFailure>(
    `with failure as (
       select failure_mode, coalesce(ended_at, 'infinity') as at from fault where machine_id = $1
     ), recent as (
       select failure_mode, false as is_old, at from failure
        where at > to_timestamp($2::float8 / 1000) - $3 * interval '1 minute'
       union all
       select failure_mode, true, last_seen_at from work_order
        where machine_id = $1 and state not in ('closed', 'rejected', 'cancelled', 'merged'))
     select failure_mode, is_old from recent order by is_old, at desc`,
    [machineId, atMs, afterwardsMinutes],
  );
}
