import { beforeAll, describe, expect, it } from 'vitest';
import { now } from '../../core/clock.ts';
import { createTestDatabase, type TestDatabase, testEngines } from '../../core/testing/database.ts';
import { storeReadings } from '../../core/testing/store-readings.ts';
import { insertSmallPlant, type SmallPlant } from '../testing/small-plant.ts';
import { dueHour, markHour, reconcileRollups } from './reconcile.ts';
import { mergeRanges, refreshLate } from './refresh-late.ts';
import { refreshRecent } from './refresh-recent.ts';

const minute = 60_000;

describe.each(testEngines())('rollups on %s', (engine) => {
  let database: TestDatabase;
  let plant: SmallPlant;
  const start = Math.floor(now() / minute - 20) * minute;
  beforeAll(async () => {
    database = await createTestDatabase(engine);
    plant = await insertSmallPlant(database, 1);
  });
  const signal = () => plant.machines[0]?.signals['temperature'] ?? 0;
  const write = (...rows: [seconds: number, value: number][]) =>
    storeReadings(
      database,
      rows.map(([seconds, value]) => ({ signal_id: signal(), time_us: (start + seconds * 1000) * 1000, value })),
    );
  const buckets = () =>
    database.query<{ minute: number; count: number; sum: number }>(
      `select ((extract(epoch from bucket) * 1000 - $2::float8) / 60000)::int as minute, count::int, sum from reading_1m where signal_id = $1 order by 1`,
      [signal(), start],
    );

  it('refreshes closed minutes, and again while they are open to what is not yet late', async () => {
    await write([0, 1], [30, 2], [60, 3]);
    const to = await refreshRecent(database, start + 2 * minute + 1, start + minute);
    expect(to).toBe(start + 2 * minute);
    expect(await buckets()).toEqual([
      { minute: 0, count: 2, sum: 3 },
      { minute: 1, count: 1, sum: 3 },
    ]);
    await write([70, 4]);
    await refreshRecent(database, start + 3 * minute + 1, to);
    expect((await buckets())[1]).toEqual({ minute: 1, count: 2, sum: 7 });
  });

  it('refreshes what late readings touched and deletes their notes afterwards', async () => {
    await refreshLate(database);
    await write([15, 5], [600, 6]);
    expect(await refreshLate(database)).toBeGreaterThan(0);
    expect(await buckets()).toEqual([
      { minute: 0, count: 3, sum: 8 },
      { minute: 1, count: 2, sum: 7 },
      { minute: 10, count: 1, sum: 6 },
    ]);
    expect(await database.query('select 1 from late_range')).toEqual([]);
    expect(await refreshLate(database)).toBe(0);
  });

  it('refreshes the noted minutes of the noted signals and nothing else', async () => {
    const times = [start + 15_500, start + 16_500];
    const other = plant.machines[0]?.signals['good'] ?? 0;
    await storeReadings(
      database,
      [signal(), other].flatMap((signal_id) => times.map((time) => ({ signal_id, time_us: time * 1000, value: 1 }))),
    );
    await database.query('delete from late_range');
    await database.query(
      `insert into late_range (from_time, to_time, minute_signal_ids, minutes)
       select t, t, array[$1::int, $1], array[t, t + interval '1 minute'] from (select to_timestamp($2::float8 / 1000) as t) r, generate_series(1, 3)`,
      [signal(), start],
    );
    expect(await refreshLate(database)).toBe(3);
    expect((await buckets()).slice(0, 2)).toEqual([
      { minute: 0, count: 5, sum: 10 },
      { minute: 1, count: 2, sum: 7 },
    ]);
    expect(await database.query('select 1 from reading_1m where signal_id = $1', [other])).toEqual([]);
    // Its note was taken away above; the sums of the hour find it.
    expect(await reconcileRollups(database, start, start + minute)).toBeGreaterThan(0);
    expect(await database.query('select count from reading_1m where signal_id = $1', [other])).toEqual([{ count: 2 }]);
    await database.query("delete from alarm where kind = 'rollup'");
  });

  it('refreshes whole minutes where the table under a rollup may not be written', async () => {
    const noted = async (): Promise<void> => {
      await storeReadings(database, [{ signal_id: signal(), time_us: (start + 605_500) * 1000, value: 6 }]);
      await database.query('delete from late_range');
      await database.query(
        `insert into late_range (from_time, to_time, minute_signal_ids, minutes)
         select t, t, array[$1::int], array[t] from (select to_timestamp($2::float8 / 1000) as t) r`,
        [signal(), start + 600_000],
      );
    };
    const body = (
      await database.query<{ source: string }>("select pg_get_functiondef('rollup_table'::regproc) as source")
    )[0];
    await database.query(
      `create or replace function rollup_table(level text) returns text language plpgsql stable as
       $$ begin raise exception 'not any more' using errcode = 'feature_not_supported'; end $$`,
    );
    try {
      await noted();
      expect(await refreshLate(database)).toBe(1);
      expect((await buckets()).at(-1)).toEqual({ minute: 10, count: 2, sum: 12 });
    } finally {
      await database.query(body?.source ?? '');
    }
  });

  it('finds, repairs and reports a rollup that is wrong', async () => {
    expect(await reconcileRollups(database, start, start + 20 * minute)).toBe(0);
    const [table] = await database.query<{ name: string }>("select rollup_table('1m') as name");
    await database.query(`update ${table?.name} set sum = sum + 100 where signal_id = $1 and count = 5`, [signal()]);
    expect(await reconcileRollups(database, start, start + 20 * minute)).toBeGreaterThan(0);
    expect((await buckets())[0]).toEqual({ minute: 0, count: 5, sum: 10 });
    expect(await database.query(`select machine_id from alarm where kind = 'rollup'`)).toEqual([
      { machine_id: plant.machines[0]?.machine_id },
    ]);
    expect(await reconcileRollups(database, start, start + 20 * minute)).toBe(0);
  });

  it('compares each hour of the day before once, at night', async () => {
    const at = (text: string): number => Date.parse(`2026-03-${text}Z`);
    expect(await dueHour(database, at('05T12:00'))).toBe(at('04T00:00'));
    await markHour(database, at('04T00:00'));
    expect(await dueHour(database, at('05T12:00'))).toBe(at('04T01:00'));
    await markHour(database, at('04T23:00'));
    expect(await dueHour(database, at('05T12:00'))).toBeNull();
    expect(await dueHour(database, at('06T01:59'))).toBeNull();
    expect(await dueHour(database, at('06T02:00'))).toBe(at('05T00:00'));
    expect(await dueHour(database, at('26T02:00'))).toBe(at('19T00:00'));
  });
});

describe('late ranges', () => {
  it('that touch are one, in whole minutes', () => {
    const at = (from: number, to: number) => ({ from_ms: from * 1000, to_ms: to * 1000 });
    expect(mergeRanges([at(600, 600), at(30, 40), at(100, 130)])).toEqual([
      { from_ms: 0, to_ms: 180_000 - 1 },
      { from_ms: 600_000, to_ms: 660_000 - 1 },
    ]);
  });
});
