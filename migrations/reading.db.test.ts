import { beforeAll, describe, expect, test } from 'vitest';
import { createTestDatabase, testEngines, type TestDatabase } from '../core/testing/database.ts';
import { insertSmallPlant } from '../core/testing/small-plant.ts';
import type { Engine } from './files.ts';

const copySql = 'copy reading (time, signal_id, value, quality) from stdin';

function copy(database: TestDatabase, lines: readonly string[]): Promise<number> {
  return database.withTransaction((connection) => connection.copyIn(copySql, [Buffer.from(`${lines.join('\n')}\n`)]));
}

/** The text of the plan of `sql`, run as the API's role for `organizationId` when that is given. */
async function plan(database: TestDatabase, sql: string, organizationId?: number): Promise<string> {
  return database.withTransaction(async (connection) => {
    if (organizationId !== undefined) {
      await connection.query("select set_config('millrace.organization_id', $1, true)", [String(organizationId)]);
      await connection.query('set local role millrace_api');
    }
    const rows = await connection.query<{ 'QUERY PLAN': string }>(`explain (costs off) ${sql}`);
    return rows.map((row) => row['QUERY PLAN']).join('\n');
  });
}

describe.each(testEngines())('readings on %s', (engine: Engine) => {
  let database: TestDatabase;
  let organizationId: number;
  beforeAll(async () => {
    database = await createTestDatabase(engine);
    ({ organization_id: organizationId } = await insertSmallPlant(database, 'one', 200));
    // An hour of readings, time by time, as they arrive.
    await database.query("call ensure_reading_partitions('2026-05-05 10:00+00', '2026-05-05 11:00+00')");
    await database.query(`
      insert into reading (time, signal_id, value, quality)
      select '2026-05-05 10:00+00'::timestamptz + t * interval '10 s', s, s + t, 192
        from generate_series(0, 359) t cross join lateral (select s from generate_series(1, 200) s offset 0 * t) s`);
    // Not in one transaction: vacuum also brings the block ranges of the BRIN index up to date.
    await database.query('vacuum analyze reading');
  });

  test('a second reading of a signal at one time is refused, and with it the whole copy', async () => {
    const error = copy(database, ['2026-05-05 10:00:00.5+00\t1\t1\t192', '2026-05-05 10:00:00+00\t1\t99\t192']);
    await expect(error).rejects.toMatchObject({ code: '23505' });
    const found = await database.query(
      "select value from reading where signal_id = 1 and time between '2026-05-05 10:00+00' and '2026-05-05 10:00:01+00'",
    );
    expect(found).toEqual([{ value: 1 }]);
  });

  test('times keep their microseconds, values all their digits, and a missing value is NULL', async () => {
    await copy(database, [
      '2026-05-05 10:30:00.123456+00\t2\t0.1000000000000000055\t192',
      '2026-05-05 10:30:00.123457+00\t2\t\\N\t0',
    ]);
    const rows = await database.query(
      "select time, value, quality from reading where signal_id = 2 and time > '2026-05-05 10:30+00' order by time limit 2",
    );
    expect(rows).toEqual([
      { time: '2026-05-05 10:30:00.123456+00', value: 0.1, quality: 192 },
      { time: '2026-05-05 10:30:00.123457+00', value: null, quality: 0 },
    ]);
  });

  test('readings of any day can be stored once its partition was asked for, also by many at once', async () => {
    await Promise.all(
      Array.from({ length: 10 }, (_, writer) =>
        database.withTransaction(async (connection) => {
          await connection.query("call ensure_reading_partitions('1999-12-31 23:59:59+00', '2000-01-02 00:00:00+00')");
          await connection.copyIn(copySql, [
            Buffer.from(
              `1999-12-31 23:59:59.9+00\t${1000 + writer}\t1\t192\n2000-01-02 00:00:00+00\t${1000 + writer}\t2\t192\n`,
            ),
          ]);
        }),
      ),
    );
    const [row] = await database.query("select count(*) as rows from reading where time < '2001-01-01 00:00+00'");
    expect(row).toEqual({ rows: 20 });
  });

  test('asking for partitions that are there costs next to nothing', async () => {
    await database.query("call ensure_reading_partitions('2026-05-01 00:00+00', '2026-05-31 00:00+00')");
    const locks = await database.withTransaction(async (connection) => {
      await connection.query("call ensure_reading_partitions('2026-05-01 00:00+00', '2026-05-31 00:00+00')");
      return connection.query(
        "select mode from pg_locks where pid = pg_backend_pid() and locktype in ('advisory', 'relation') and mode like '%Exclusive%'",
      );
    });
    expect(locks).toEqual([]);
  });

  test('the newest reading of one signal is one step in the index', async () => {
    const text = await plan(database, 'select * from reading where signal_id = 7 order by time desc limit 1');
    expect(text).toMatch(/Index Scan/);
    expect(text).not.toMatch(/Seq Scan|Sort Key/);
  });

  test('the newest reading of every signal skips through the index', async () => {
    const sql =
      engine === 'timescale'
        ? 'select distinct on (signal_id) signal_id, time, value from reading order by signal_id, time desc'
        : `select s.signal_id, r.time, r.value from signal s cross join lateral
             (select time, value from reading r where r.signal_id = s.signal_id order by time desc limit 1) r`;
    const text = await plan(database, sql);
    expect(text.includes('SkipScan')).toBe(engine === 'timescale');
    expect(text).toMatch(/Index (Only )?Scan using \S*signal_id_time|Index (Only )?Scan using \S*reading_key/);
    expect(text).not.toMatch(/Seq Scan on (_hyper|reading_2)/);
  });

  test('a minute of all signals is found by the block ranges, or by skipping in the index', async () => {
    const text = await plan(
      database,
      "select count(value) from reading where time >= '2026-05-05 10:40+00' and time < '2026-05-05 10:41+00'",
    );
    expect(text).toMatch(/Bitmap Index Scan on \S*time|Index (Only )?Scan using \S*/);
    expect(text).not.toMatch(/Seq Scan on (_hyper|reading_2026_05_05)/);
  });

  test("through the API's view, signal and time still reach the index", async () => {
    const sql =
      "select time, value from visible_reading where signal_id = 7 and time >= '2026-05-05 10:10+00' and time < '2026-05-05 10:20+00' order by time";
    const text = await plan(database, sql, organizationId);
    expect(text).toMatch(/Index Cond: \(\(signal_id = 7\) AND \("?time"? >= /);
  });
});

describe.each(testEngines().filter((engine) => engine === 'timescale'))('the columnstore of %s', (engine: Engine) => {
  test('late readings land in compressed chunks: new ones, and none twice', async () => {
    const database = await createTestDatabase(engine);
    await database.query(`
      insert into reading (time, signal_id, value, quality)
      select '2026-05-05 10:00+00'::timestamptz + t * interval '10 s', s, s + t, 192
        from generate_series(0, 359) t, generate_series(1, 200) s`);
    await database.query(
      "select compress_chunk(c) from show_chunks('reading', newer_than => '2026-01-01'::timestamptz) c",
    );
    const lines = Array.from({ length: 200 }, (_, index) => `2026-05-05 10:20:05+00\t${index + 1}\t5\t192`);
    expect(await copy(database, lines)).toBe(200);
    await expect(copy(database, ['2026-05-05 10:20:00+00\t3\t5\t192'])).rejects.toMatchObject({ code: '23505' });
    const twice = await database.execute(
      "insert into reading select '2026-05-05 10:20:00+00', s, 5, 192 from generate_series(1, 200) s on conflict do nothing",
    );
    expect(twice).toBe(0);
    const [row] = await database.query(
      "select count(*) as rows from reading where time between '2026-05-05 10:20+00' and '2026-05-05 10:20:09+00'",
    );
    expect(row).toEqual({ rows: 400 });
  });
});
