import { monotonic, now } from '../../core/clock.ts';
import type { PlantSize } from './bench-plant.ts';
import type { BenchDatabase } from './bench-database.ts';
import type { Bench } from './context.ts';
import { gatePlans } from './gates.ts';
import { startApi } from './http-api.ts';
import { loadRows, writeRowFile } from './load-rows.ts';
import { openPlantDatabase } from './rig.ts';
import { median, quantile } from './statistics.ts';

const size: PlantSize = { lines: 1, machines_per_line: 13, signals_per_machine: 137 };
const dayMs = 86_400_000;
const historyDays = 90;
/** Of all sensors, and of those that are asked for: the finest picture of a week is made from minutes. */
const minuteDays = 1;
const minuteDaysOfAsked = 8;
const asks = 100;
/** Which sensor is asked for: each time another one, so that no cache of one sensor is measured. */
const askedFor = (signalIds: readonly number[], index: number): number =>
  signalIds[(index * 17) % signalIds.length] ?? 0;

/** What people look at: the newest value of everything, one sensor over any range, the last hour of everything. */
export async function queriesBench(bench: Bench): Promise<void> {
  const { database, signalIds } = await openPlantDatabase(bench, size, 'sparkplug');
  const end = Math.floor(now() / 60_000) * 60_000;
  const rawSeconds = Math.max(600, bench.seconds);
  const file = await writeRowFile(
    bench.runDir,
    signalIds,
    rawSeconds,
    end - rawSeconds * 1000,
    1000,
    bench.result.seed,
  );
  bench.atEnd(() => file.remove());
  bench.say(`loading ${rawSeconds} s of raw readings`);
  await loadRows(database, 'reading', file);
  await fillRollups(bench, database, signalIds, end, end - rawSeconds * 1000);
  await database.database.query(
    `insert into latest_value (signal_id, time, value, quality, received_at) select distinct on (signal_id) signal_id, time, value, quality, now() from reading order by signal_id, time desc`,
  );
  // What autovacuum does within a minute: statistics, and the BRIN of what was just loaded.
  await database.database.query('vacuum (analyze) reading');
  bench.result.notes.push(
    `Stored: raw readings of ${rawSeconds} s, minutes of ${minuteDays} day (of the sensors that are asked for: of ${minuteDaysOfAsked} days), hours and days of ${historyDays} days, of 1,781 sensors. Raw readings of 90 days would take 1.4 TB in rows.`,
  );
  for (const reason of await gatePlans(database)) bench.refuse(reason);
  const api = await startApi(bench, database.url);
  await time(bench, 'latest value of all sensors, from the database', 200, 5, () =>
    database.database.query('select signal_id, time, value, quality from latest_value'),
  );
  await time(bench, 'a page of 500 signals with their latest values, over HTTP', 50, undefined, () =>
    api.get('/signals?limit=500'),
  );
  const ranges: [string, number][] = [
    ['10 minutes', 600_000],
    ['1 day', dayMs],
    ['7 days', 7 * dayMs],
    ['30 days', 30 * dayMs],
    ['90 days', 90 * dayMs],
  ];
  for (const [name, range] of ranges) {
    let index = 0;
    await time(bench, `one sensor over ${name} to 2,000 points, over HTTP`, asks, 50, () => {
      const signal = askedFor(signalIds, index++);
      return api.get(
        `/signals/${signal}/series?from=${new Date(end - range).toISOString()}&to=${new Date(end).toISOString()}&points=2000`,
      );
    });
  }
  await time(bench, 'the last hour of all sensors by minute, from the database', 30, 300, () =>
    database.database.query(
      `select bucket, signal_id, sum / nullif(count, 0) as avg, min, max from reading_1m where bucket >= $1::timestamptz and bucket < $2::timestamptz`,
      [new Date(end - 3_600_000).toISOString(), new Date(end).toISOString()],
    ),
  );
}

const warmUps = 5;

async function time(
  bench: Bench,
  what: string,
  repeats: number,
  goalMs: number | undefined,
  query: () => Promise<unknown>,
): Promise<void> {
  const times: number[] = [];
  // The first ones fill caches and are not counted: people come back to what they look at.
  for (let repeat = -warmUps; repeat < repeats; repeat++) {
    const began = monotonic();
    await query();
    if (repeat >= 0) times.push(monotonic() - began);
  }
  const p95 = quantile(times, 0.95);
  bench.measure({
    what: `${what}, p95`,
    value: p95,
    unit: 'ms',
    // Of five groups one after the other, so that noise shows.
    repeats: Array.from({ length: 5 }, (_, group) =>
      quantile(times.slice((group * repeats) / 5, ((group + 1) * repeats) / 5), 0.95),
    ),
    note: `p50 ${median(times).toFixed(1)} ms`,
    ...(goalMs !== undefined && { goal: { text: `≤ ${goalMs} ms`, met: p95 <= goalMs } }),
  });
}

/**
 * Rollups of the past, made level by level instead of from readings that nobody could store here; of the raw range by the
 * ordinary refresh. On TimescaleDB they go into the tables behind the continuous aggregates.
 */
async function fillRollups(
  bench: Bench,
  { database, engine }: BenchDatabase,
  signalIds: readonly number[],
  endMs: number,
  rawFromMs: number,
): Promise<void> {
  const asked = Array.from({ length: asks + warmUps }, (_, index) => askedFor(signalIds, index));
  // Whole days, so that no bucket stands in two of the statements: the tables behind the aggregates would take it twice.
  const dayAt = (days: number): number => Math.floor(endMs / dayMs - days) * dayMs;
  const minutesFrom = dayAt(minuteDays);
  const levels = [
    { name: 'reading_1m', unit: 'minute', seconds: 60, from: minutesFrom, to: endMs, of: signalIds },
    { name: 'reading_1m', unit: 'minute', seconds: 60, from: dayAt(minuteDaysOfAsked), to: minutesFrom, of: asked },
    { name: 'reading_1h', unit: 'hour', seconds: 3600, from: dayAt(historyDays), to: endMs, of: signalIds },
    { name: 'reading_1d', unit: 'day', seconds: 86_400, from: dayAt(historyDays), to: endMs, of: signalIds },
  ];
  for (const { name, unit, seconds, from: first, to, of } of levels) {
    bench.say(`filling ${name} from ${new Date(first).toISOString()} on for ${of.length} sensors`);
    const [behind] =
      engine === 'timescale'
        ? await database.query<{ table: string }>(
            `select format('%I.%I', materialization_hypertable_schema, materialization_hypertable_name) as table from timescaledb_information.continuous_aggregates where view_name = $1`,
            [name],
          )
        : [{ table: name }];
    for (let from = first; from < to; from += dayMs * 10) {
      await database.query(
        `insert into ${behind?.table ?? name} (bucket, signal_id, sum, count, min, max, first, last, good_count, bad_count)
         select bucket, signal_id, v * ${seconds}, ${seconds}, v - 1, v + 1, v, v, ${seconds}, 0
           from generate_series(date_trunc('${unit}', to_timestamp($1::float8), 'UTC'), to_timestamp($2::float8) - interval '1 second', interval '1 ${unit}') bucket
          cross join unnest($3::int[]) signal_id
          cross join lateral (select 500 + 100 * sin(extract(epoch from bucket)::float8 / 40000 + signal_id) as v) x
          where bucket < date_trunc('${unit}', to_timestamp($4::float8), 'UTC')
         on conflict do nothing`,
        [from / 1000, Math.min(to, from + dayMs * 10) / 1000, of, rawFromMs / 1000],
      );
    }
  }
  await database.withConnection((connection) =>
    connection.query('call refresh_rollups(to_timestamp($1::float8 / 1000), to_timestamp($2::float8 / 1000))', [
      rawFromMs,
      endMs,
    ]),
  );
}
