import { describe, expect, test } from 'vitest';
import { createTestDatabase, testEngines } from '../core/testing/database.ts';
import { rollupLevels } from '../core/testing/expected-rollups.ts';
import type { Engine } from './files.ts';

describe.each(testEngines())('retention on %s', (engine: Engine) => {
  test('drops old readings, keeps every rollup, also when the dropped time is refreshed and repaired', async () => {
    const database = await createTestDatabase(engine);
    await database.query("call ensure_reading_partitions(now() - interval '10 days', now())");
    await database.query(`
      insert into reading (time, signal_id, value, quality)
      select now() - t * interval '1 hour', s, t, 192 from generate_series(1, 239) t, generate_series(1, 3) s`);
    await database.query("call refresh_rollups(now() - interval '10 days', now())");
    const rollups = async (): Promise<unknown[]> => {
      const all: unknown[] = [];
      for (const level of rollupLevels)
        all.push(await database.query(`select * from reading_${level} order by signal_id, bucket`));
      return all;
    };
    const before = await rollups();
    expect(before.map((rows) => (rows as unknown[]).length).slice(0, 2)).toEqual([717, 717]);

    await database.query('call set_raw_retention(5)');
    const [answer] = await database.query<{ dropped: number }>('select drop_expired_readings() as dropped');
    expect(answer?.dropped).toBeGreaterThanOrEqual(4);
    const [left] = await database.query<{ oldest: boolean; kept: boolean }>(
      "select min(time) >= date_trunc('day', now() - interval '5 days', 'UTC') as oldest, min(time) < now() - interval '4 days 23 hours' as kept from reading",
    );
    expect(left).toEqual({ oldest: true, kept: true });
    expect(await rollups()).toEqual(before);

    // Refreshing would find no readings there, and must not take that for the truth. Nor may a longer retention.
    await database.query('call set_raw_retention(365)');
    await database.query("call refresh_rollups(now() - interval '10 days', now())");
    await database.query("call repair_rollups(now() - interval '10 days', now())");
    expect(await rollups()).toEqual(before);
    expect(await database.query("select * from rollup_difference(now() - interval '10 days', now())")).toEqual([]);

    // A reading for the dropped time is stored and counted in no rollup.
    await database.query("call ensure_reading_partitions(now() - interval '9 days', now() - interval '9 days')");
    await database.query(
      "insert into reading (time, signal_id, value, quality) values (now() - interval '9 days', 1, 1e9, 192)",
    );
    await database.query("call refresh_rollups(now() - interval '9 days', now() - interval '9 days')");
    expect(await rollups()).toEqual(before);
    expect(await database.query('select drop_expired_readings() as dropped')).toEqual([{ dropped: 0 }]);
    const [dropped] = await database.query<{ dropped: number }>('select drop_expired_readings(5) as dropped');
    expect(dropped?.dropped).toBeGreaterThanOrEqual(1);
  });

  test('a fresh database drops nothing and is ready for the coming days', async () => {
    const database = await createTestDatabase(engine);
    expect(await database.query('select drop_expired_readings() as dropped')).toEqual([{ dropped: 0 }]);
    await database.query(
      "insert into reading (time, signal_id, value, quality) select now() + d * interval '1 day', 1, d, 192 from generate_series(-1, 7) d",
    );
    expect(await database.query('select count(*) as rows from reading')).toEqual([{ rows: 9 }]);
  });
});

describe.each(testEngines().filter((engine) => engine === 'timescale'))('the policies on %s', (engine: Engine) => {
  test('retention is our own job, and none refreshes a rollup', async () => {
    const database = await createTestDatabase(engine);
    const jobs = await database.query<{ job_id: number; proc_name: string }>(
      'select job_id, proc_name from timescaledb_information.jobs where job_id >= 1000 order by proc_name',
    );
    expect(jobs.map((job) => job.proc_name)).toEqual(['drop_expired_readings_job', 'policy_compression']);
    for (const job of jobs) await database.query(`call run_job(${job.job_id})`);
  });
});
