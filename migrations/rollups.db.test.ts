import { beforeAll, describe, expect, test } from 'vitest';
import { createRandom } from '../core/plant/random.ts';
import { Quality } from '../core/reading.ts';
import { createTestDatabase, testEngines, type TestDatabase } from '../core/testing/database.ts';
import { compareRollups, rollupLevels } from '../core/testing/expected-rollups.ts';
import type { Engine } from './files.ts';

// One signal-second in this suite is placed by hand where buckets meet: minute, hour, day, month and year borders.
const from = Date.UTC(2026, 10, 30, 22);
const to = Date.UTC(2027, 0, 1, 2);
const borders = [
  Date.UTC(2026, 11, 1),
  Date.UTC(2027, 0, 1),
  Date.UTC(2026, 11, 24),
  Date.UTC(2026, 11, 24, 7),
  Date.UTC(2026, 11, 24, 7, 31),
];

interface Row {
  time_ms: number;
  signal_id: number;
  value: number | null;
  quality: number;
}

async function insert(database: TestDatabase, rows: readonly Row[]): Promise<void> {
  const times = rows.map((row) => row.time_ms);
  await database.query(
    'call ensure_reading_partitions(to_timestamp($1::float8 / 1000), to_timestamp($2::float8 / 1000))',
    [Math.min(...times), Math.max(...times)],
  );
  await database.query(
    `insert into reading (time, signal_id, value, quality)
     select to_timestamp(ms / 1000), signal, value, quality
       from unnest($1::float8[], $2::int4[], $3::float8[], $4::int2[]) as r(ms, signal, value, quality) on conflict do nothing`,
    [times, rows.map((row) => row.signal_id), rows.map((row) => row.value), rows.map((row) => row.quality)],
  );
}

function refresh(database: TestDatabase, fromMs: number, toMs: number): Promise<unknown> {
  return database.query('call refresh_rollups(to_timestamp($1::float8 / 1000), to_timestamp($2::float8 / 1000))', [
    fromMs,
    toMs,
  ]);
}

function refreshMinutes(database: TestDatabase, signals: number[], times: string[]): Promise<unknown> {
  return database.query('call refresh_rollup_minutes($1::int[], $2::timestamptz[])', [signals, times]);
}

function difference(
  database: TestDatabase,
  fromMs: number,
  toMs: number,
): Promise<{ level: string; bucket: string; signal_id: number }[]> {
  return database.query(
    `select level, bucket::text, signal_id from rollup_difference(to_timestamp($1::float8 / 1000), to_timestamp($2::float8 / 1000)) order by level, bucket`,
    [fromMs, toMs],
  );
}

/** Rows around every border and at random times, with every quality and with missing values. */
function mixedRows(seed: number, count: number): Row[] {
  const random = createRandom(seed, 'rollups');
  const qualities = [Quality.good, Quality.good, Quality.good, Quality.uncertain, Quality.bad, Quality.stale];
  const row = (time_ms: number, signal_id: number): Row => ({
    time_ms,
    signal_id,
    value: random.chance(0.1) ? null : random.between(-1000, 1000),
    quality: random.pick(qualities),
  });
  const rows = borders.flatMap((border) =>
    [-1000, -1, 0, 1, 1000].flatMap((offset) => [1, 2, 3].map((signal) => row(border + offset, signal))),
  );
  for (let index = 0; index < count; index++) {
    const near = random.chance(0.5) ? random.pick(borders) + Math.floor(random.between(-120_000, 120_000)) : undefined;
    rows.push(row(near ?? Math.floor(random.between(from, to)), 1 + Math.floor(random.next() * 3)));
  }
  return rows;
}

describe.each(testEngines())('rollups on %s', (engine: Engine) => {
  let database: TestDatabase;
  beforeAll(async () => {
    database = await createTestDatabase(engine);
    await insert(database, mixedRows(1, 2000));
    await refresh(database, from, to);
  });

  test('equal the readings at every level, with bad quality, missing values and rows on the borders', async () => {
    expect(await compareRollups(database)).toEqual([]);
    expect(await difference(database, from, to)).toEqual([]);
    for (const level of rollupLevels) {
      const [row] = await database.query<{ rows: number }>(`select count(*) as rows from reading_${level}`);
      expect(row?.rows).toBeGreaterThan(5);
    }
  });

  test('a bucket without a usable value has counts and no figures', async () => {
    const time = Date.UTC(2026, 11, 10, 12, 0, 30);
    await insert(database, [
      { time_ms: time, signal_id: 9, value: 1, quality: Quality.bad },
      { time_ms: time + 1, signal_id: 9, value: null, quality: Quality.good },
    ]);
    await refresh(database, time, time + 1);
    const [row] = await database.query(
      'select sum, count, min, max, first, last, good_count, bad_count from reading_1d where signal_id = 9',
    );
    expect(row).toEqual({
      sum: null,
      count: 0,
      min: null,
      max: null,
      first: null,
      last: null,
      good_count: 0,
      bad_count: 2,
    });
  });

  test('late rows change exactly what they touch, also where they lie on the border of every level', async () => {
    for (const [index, border] of borders.entries()) {
      const late = { time_ms: border, signal_id: 4 + index, value: 7.25, quality: Quality.good };
      await insert(database, [late]);
      expect((await difference(database, border, border)).map((row) => row.level)).toEqual(['1m']);
      await refresh(database, border, border);
      expect(await difference(database, border, border)).toEqual([]);
    }
    expect(await compareRollups(database)).toEqual([]);
  });

  test('late rows are refreshed minute by minute of their signals, on every border, also before their buckets were whole', async () => {
    const random = createRandom(7, 'late minutes');
    for (const border of [...borders, Date.UTC(2027, 4, 6, 7)]) {
      const rows = [-60_000, -1, 0, 1, 59_999, 60_000].map((offset, index) => ({
        time_ms: border + offset,
        signal_id: 41 + (index % 3),
        value: random.chance(0.2) ? null : random.between(-9, 9),
        quality: random.pick([Quality.good, Quality.uncertain, Quality.bad]),
      }));
      await insert(database, rows);
      const signals = rows.map((row) => row.signal_id);
      const times = rows.map((row) => new Date(row.time_ms).toISOString());
      // Twice, and once more with each named twice: it is the same.
      await refreshMinutes(database, signals, times);
      await refreshMinutes(database, [...signals, ...signals], [...times, ...times]);
      expect(await difference(database, border - 120_000, border + 120_000)).toEqual([]);
    }
    expect(await compareRollups(database)).toEqual([]);
    // What was removed leaves nothing behind, and a refresh of the whole range changes nothing.
    await database.query('delete from reading where signal_id = 42');
    const gone = [...borders, Date.UTC(2027, 4, 6, 7)].flatMap((border) => [border - 1, border + 59_999]);
    await refreshMinutes(
      database,
      gone.map(() => 42),
      gone.map((time) => new Date(time).toISOString()),
    );
    expect(await compareRollups(database)).toEqual([]);
    await refresh(database, from, Date.UTC(2027, 4, 7));
    expect(await compareRollups(database)).toEqual([]);
    await expect(database.query("call refresh_rollup_minutes('{1, 2}', '{2026-12-01}')")).rejects.toThrow(
      '2 signals and 1 times',
    );
  });

  test('the sums of an hour show a reading that is missing from its minute', async () => {
    const hour = Date.UTC(2026, 11, 24, 7);
    const other = async (): Promise<unknown[]> =>
      database.query('select signal_id from rollup_sum_difference(to_timestamp($1::float8 / 1000)) as signal_id', [
        hour,
      ]);
    expect(await other()).toEqual([]);
    await insert(database, [{ time_ms: hour + 3_599_999, signal_id: 50, value: null, quality: Quality.bad }]);
    expect(await other()).toEqual([{ signal_id: 50 }]);
    await refreshMinutes(database, [50], [new Date(hour + 3_599_000).toISOString()]);
    expect(await other()).toEqual([]);
    const [table] = await database.query<{ name: string }>("select rollup_table('1m') as name");
    await database.execute(
      `update ${table?.name} set sum = sum + 0.5 where signal_id = 1 and bucket = '2026-12-24 07:31+00'`,
    );
    expect(await other()).toEqual([{ signal_id: 1 }]);
    await database.query("call repair_rollups('2026-12-24 07:00+00', '2026-12-24 07:59:59+00')");
    expect(await other()).toEqual([]);
  });

  test('a change from the last day of a year into the first of the next reaches both months', async () => {
    const row = (time_ms: number): Row => ({ time_ms, signal_id: 30, value: 5, quality: Quality.good });
    for (const [lastSecond, firstSecond] of [
      [-2000, 1000],
      [-1000, 2000],
    ] as const) {
      const newYear = Date.UTC(2027, 0, 1);
      await insert(database, [row(newYear + lastSecond), row(newYear + firstSecond)]);
      await refresh(database, newYear + lastSecond, newYear + firstSecond);
    }
    const months = await database.query(
      'select bucket::date::text as month, sum from reading_1mo where signal_id = 30 order by 1',
    );
    expect(months).toEqual([
      { month: '2026-12-01', sum: 10 },
      { month: '2027-01-01', sum: 10 },
    ]);
  });

  test('removed rows leave no rollup behind', async () => {
    const time = Date.UTC(2026, 11, 15, 6, 7, 8);
    await insert(database, [{ time_ms: time, signal_id: 20, value: 1, quality: Quality.good }]);
    await refresh(database, time, time);
    await database.query('delete from reading where signal_id = 20');
    await refresh(database, time, time);
    expect(await compareRollups(database)).toEqual([]);
  });

  test('many writers and refreshers at once end with right rollups', async () => {
    const random = createRandom(2, 'concurrent');
    await Promise.all(
      Array.from({ length: 8 }, async (_, writer) => {
        for (let round = 0; round < 5; round++) {
          const start = random.pick(borders) + Math.floor(random.between(-90_000, 90_000));
          const rows = Array.from({ length: 50 }, (_, index) => ({
            time_ms: start + index * 997,
            signal_id: 1 + (writer % 3),
            value: random.between(0, 10),
            quality: Quality.good,
          }));
          await insert(database, rows);
          if (round % 2 === 0) await refresh(database, start, start + 50 * 997);
          else {
            const times = rows.map((row) => new Date(row.time_ms).toISOString());
            await refreshMinutes(
              database,
              rows.map((row) => row.signal_id),
              times,
            );
          }
        }
      }),
    );
    expect(await compareRollups(database)).toEqual([]);
    // Of this database: the server has others, and other tests run on them.
    const locks = await database.query(
      "select 1 from pg_locks where locktype = 'advisory' and database = (select oid from pg_database where datname = current_database())",
    );
    expect(locks).toEqual([]);
  });

  test('a rollup that is wrong is found and repaired; refreshing alone trusts it', async () => {
    const time = Date.UTC(2026, 11, 24, 7, 30, 30);
    const [table] = await database.query<{ name: string }>("select rollup_table('1h') as name");
    const touched = await database.execute(
      `update ${table?.name} set sum = sum + 1 where bucket = '2026-12-24 07:00+00' and signal_id = 1`,
    );
    expect(touched).toBe(1);
    const found = await difference(database, time, time);
    expect(found.map((row) => `${row.level} ${row.bucket} ${row.signal_id}`)).toEqual([
      '1d 2026-12-24 00:00:00+00 1',
      '1h 2026-12-24 07:00:00+00 1',
    ]);
    await database.query("call repair_rollups('2026-12-24 07:00+00', '2026-12-24 07:59:59+00')");
    expect(await compareRollups(database)).toEqual([]);
  });

  test('a range without readings, a range of one instant and a range of two months can be refreshed', async () => {
    await refresh(database, Date.UTC(2020, 0, 1), Date.UTC(2020, 0, 1));
    await refresh(database, Date.UTC(2030, 0, 1), Date.UTC(2030, 2, 1));
    await refresh(database, from, to);
    expect(await compareRollups(database)).toEqual([]);
  });
});
