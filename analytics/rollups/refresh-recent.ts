import type { Database } from '../../core/database.ts';

const minuteMs = 60_000;
/**
 * A minute is refreshed again until it is this old. The store calls a reading late (and notes its range) only when it is
 * more than two minutes old; what comes before that must still find its minute being built.
 */
export const openMinutes = 4;
const pieceMs = 3_600_000;

/**
 * Brings the rollups up to date to the last full minute. `fromMs` is where the last call ended (its answer), or undefined
 * at start: then from where an earlier process ended, or from the oldest batch in the feed. Answers the minute it ended at.
 */
export async function refreshRecent(database: Database, nowMs: number, fromMs: number | undefined): Promise<number> {
  const toMs = Math.floor(nowMs / minuteMs) * minuteMs;
  if (fromMs !== undefined && fromMs >= toMs) return fromMs;
  const sinceMs = (fromMs ?? (await findStart(database, toMs))) - openMinutes * minuteMs;
  for (let at = sinceMs; at < toMs; at += pieceMs) {
    // The procedure takes every bucket that touches the range, its end included.
    await refresh(database, at, Math.min(at + pieceMs, toMs) - 1);
  }
  await database.query(
    `insert into analytics_memory (follower, part, memory) values ('rollups', 'refreshed_to', $1)
     on conflict (follower, part) do update set memory = excluded.memory`,
    [Buffer.from(String(toMs))],
  );
  return toMs;
}

/** The database's clock, in ms since the epoch. */
export async function databaseNow(database: Database): Promise<number> {
  const [row] = await database.query<{ now_ms: number }>(
    'select (extract(epoch from clock_timestamp()) * 1000)::float8 as now_ms',
  );
  return row?.now_ms ?? 0;
}

/** Rollup buckets that touch [fromMs, toMs] are refreshed; the procedure itself lets only one refresh run at a time. */
export async function refresh(database: Database, fromMs: number, toMs: number): Promise<void> {
  await database.query('call refresh_rollups(to_timestamp($1::float8 / 1000), to_timestamp($2::float8 / 1000))', [
    fromMs,
    toMs,
  ]);
}

async function findStart(database: Database, toMs: number): Promise<number> {
  // Not from the newest bucket: a back-fill makes such ones while nobody builds those of the live readings before them.
  const [remembered] = await database.query<{ memory: Buffer }>(
    "select memory from analytics_memory where follower = 'rollups' and part = 'refreshed_to'",
  );
  if (remembered !== undefined) return Math.min(toMs, Number(remembered.memory.toString()));
  const [row] = await database.query<{ from_ms: number | null }>(
    `select (extract(epoch from coalesce((select max(bucket) from reading_1m where bucket <= to_timestamp($1::float8 / 1000)),
                                         (select min(stored_at) from reading_batch))) * 1000)::float8 as from_ms`,
    [toMs],
  );
  return Math.min(toMs, Math.floor((row?.from_ms ?? toMs) / minuteMs) * minuteMs);
}
