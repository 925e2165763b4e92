import type { Database } from '../../core/database.ts';

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;

/**
 * Compares every rollup bucket that touches [fromMs, toMs) with what recomputation gives, an hour at a time, repairs what
 * differs, and raises an alarm (kind rollup) on each machine concerned, returned at once because it has been repaired.
 * Hours, days and months are always compared figure by figure; minutes only in one hour of a day, another one every day,
 * and where the number or the sum of a signal's readings in the hour is wrong, which takes a sixth of the time. `exact`
 * compares them all. Answers how many buckets differed. A difference means a bug somewhere; on TimescaleDB it has been
 * seen upstream.
 */
export async function reconcileRollups(
  database: Database,
  fromMs: number,
  toMs: number,
  exact = false,
): Promise<number> {
  let differing = 0;
  for (let at = fromMs; at < toMs; at += hourMs) {
    const range = [at, Math.min(at + hourMs, toMs) - 1];
    const withMinutes = exact || isSampled(at) || (await hasOtherSums(database, range));
    const machines = await database.query<{ organization_id: number; machine_id: number; buckets: number }>(
      `select s.organization_id, s.machine_id, count(*) as buckets
         from rollup_difference(to_timestamp($1::float8 / 1000), to_timestamp($2::float8 / 1000), $3) d
         join signal s using (signal_id) group by 1, 2`,
      [...range, withMinutes ? ['1m', '1h', '1d', '1mo'] : ['1h', '1d', '1mo']],
    );
    if (machines.length === 0) continue;
    await database.query(
      'call repair_rollups(to_timestamp($1::float8 / 1000), to_timestamp($2::float8 / 1000))',
      range,
    );
    await database.query(
      `insert into alarm (organization_id, machine_id, kind, priority, state, raised_at, returned_at, value, message)
       select organization_id, machine_id, 'rollup', 3, 'returned_unacknowledged', to_timestamp($1::float8 / 1000), now(), buckets,
              buckets || ' rollup buckets of this hour differed from the readings and were computed again.'
         from unnest($2::int[], $3::int[], $4::int[]) as m(organization_id, machine_id, buckets)
       on conflict do nothing`,
      [
        at,
        machines.map((row) => row.organization_id),
        machines.map((row) => row.machine_id),
        machines.map((row) => row.buckets),
      ],
    );
    differing += machines.reduce((sum, row) => sum + row.buckets, 0);
  }
  return differing;
}

/** One hour of each day: on the next day the next hour, so that each has its turn within 24 days. */
function isSampled(hourStartMs: number): boolean {
  return Math.floor(hourStartMs / hourMs) % 24 === Math.floor(hourStartMs / dayMs) % 24;
}

/** Whether in the hours of a range a signal's minutes differ from its readings in number or sum. */
async function hasOtherSums(database: Database, [fromMs, toMs]: readonly number[]): Promise<boolean> {
  const rows = await database.query(
    `select 1 from generate_series(date_trunc('hour', to_timestamp($1::float8 / 1000), 'UTC'), to_timestamp($2::float8 / 1000), interval '1 hour') h
      cross join lateral rollup_sum_difference(h) limit 1`,
    [fromMs, toMs],
  );
  return rows.length > 0;
}

/** Analytics that was away for longer than this does not compare what it missed. */
const lookBackDays = 7;

/**
 * The next hour (its start) that is due to be compared, or null: from 02:00 UTC on the hours of the day before, one at a
 * time between the regular refreshes, because a whole day of readings takes minutes. How far it has come is kept beside
 * the other memories.
 */
export async function dueHour(database: Database, nowMs: number): Promise<number | null> {
  const endMs = Math.floor((nowMs - 2 * hourMs) / dayMs) * dayMs;
  const [row] = await database.query<{ memory: Buffer }>(
    `select memory from analytics_memory where follower = 'rollups' and part = 'compared_to'`,
  );
  const fromMs =
    row === undefined ? endMs - dayMs : Math.max(Number(row.memory.toString()), endMs - lookBackDays * dayMs);
  return fromMs < endMs ? fromMs : null;
}

/** The hour that starts at `hourStartMs` has been compared. */
export async function markHour(database: Database, hourStartMs: number): Promise<void> {
  await database.query(
    `insert into analytics_memory (follower, part, memory) values ('rollups', 'compared_to', $1)
     on conflict (follower, part) do update set memory = excluded.memory`,
    [Buffer.from(String(hourStartMs + hourMs))],
  );
}
