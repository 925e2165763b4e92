import { rmSync } from 'node:fs';
import { afterAll, beforeEach, describe, expect, test } from 'vitest';
import { testEngines } from '../../core/testing/database.ts';
import { createBackfillStage, stageFolder, stageTime, type BackfillStage } from './testing/backfill-stage.ts';
import { StoppedError } from './run.ts';

afterAll(() => rmSync(stageFolder, { recursive: true, force: true }));

describe.each(testEngines())('back-fill, again and after a stop on %s', (engine) => {
  let stage: BackfillStage;
  beforeEach(async () => {
    stage = await createBackfillStage(engine);
  });

  test('loading again adds nothing: known by its fingerprint, and with --again by its rows', async () => {
    const lines = Array.from({ length: 5000 }, (_, index) => `${stageTime(index * 20)},${index},${index / 8}`);
    const file = stage.write('again.csv', `time,temperature,pressure\n${lines.join('\n')}\n`);
    const parameters = [file, '--machine', 'berlin/line-01/m-001'];
    expect((await stage.run(parameters)).state).toMatchObject({ stored: 10_000, duplicate: 0 });
    const first = await stage.stored();
    expect((await stage.run(parameters)).already).toMatch(/^\d{4}-/);
    expect((await stage.run([...parameters, '--again'])).state).toMatchObject({
      stored: 0,
      duplicate: 10_000,
      conflict: 0,
    });
    expect(await stage.stored()).toEqual(first);
    const other = stage.write('again-2.csv', `time,temperature,pressure\n${stageTime(0)},7,0\n${stageTime(1)},8,9\n`);
    expect((await stage.run([other, '--machine', 'berlin/line-01/m-001'])).state).toMatchObject({
      stored: 2,
      duplicate: 2,
      conflict: 1,
    });
    const conflicts = await stage.database.query(
      "select value, detail from rejected_reading where reason = 'conflict'",
    );
    expect(conflicts).toEqual([
      {
        value: 7,
        detail: expect.stringContaining('The stored value at this time is 0 with quality 192, this one is 7'),
      },
    ]);
    expect(await stage.books()).toEqual({
      received: 20_004,
      stored: 10_002,
      duplicate: 10_002,
      conflict: 1,
      rejected: 0,
    });
    expect(await stage.wrongRollups()).toBe(0);
  });

  test('rows that are twice in the files are stored once, near each other or far apart', async () => {
    const lines = Array.from(
      { length: 4000 },
      (_, index) => `${stageTime(index)},berlin/line-01/m-001/temperature,${index}`,
    );
    const twice = [...lines, ...lines.slice(0, 1500)];
    const file = stage.write('twice.csv', `time,signal,value\n${twice.join('\n')}\n`);
    // Batches so small that the repeated rows come in another batch than the first ones.
    const { state } = await stage.run([file, '--batch', '1000']);
    expect(state).toMatchObject({ stored: 4000, duplicate: 1500, conflict: 0 });
    expect(await stage.stored()).toHaveLength(4000);
    expect(await stage.wrongRollups()).toBe(0);
  });

  test('among live readings of the same days: nothing is changed, the gaps are filled, the rollups are right', async () => {
    await stage.database.query('call ensure_reading_partitions($1::timestamptz, $1::timestamptz)', [stageTime(0)]);
    await stage.database.query(
      `insert into reading (time, signal_id, value, quality)
       select $1::timestamptz + n * interval '10 s', (select min(signal_id) from signal where name = 'temperature'), -1, 192 from generate_series(0, 99) n`,
      [stageTime(0)],
    );
    await stage.database.withConnection((connection) =>
      connection.query('call refresh_rollups($1::timestamptz, $2::timestamptz)', [stageTime(0), stageTime(1000)]),
    );
    const lines = Array.from({ length: 3000 }, (_, index) => `${stageTime(index)},${index}`);
    const file = stage.write('among.csv', `time,temperature\n${lines.join('\n')}\n`);
    const { state } = await stage.run([file, '--machine', 'berlin/line-01/m-001']);
    expect(state).toMatchObject({ stored: 2900, duplicate: 100, conflict: 100 });
    const rows = await stage.stored();
    expect(rows).toHaveLength(3000);
    expect(rows[10]?.value).toBe(-1);
    expect(rows[11]?.value).toBe(11);
    expect(await stage.wrongRollups()).toBe(0);
  });

  test('a run that was stopped goes on where it was, and other files wait for its end', async () => {
    const lines = Array.from(
      { length: 200_000 },
      (_, index) => `${stageTime(index)},berlin/line-01/m-001/temperature,${index}`,
    );
    const file = stage.write('stopped.csv', `time,signal,value\n${lines.join('\n')}\n`);
    let asked = 0;
    await expect(stage.run([file, '--batch', '20000'], () => ++asked > 4)).rejects.toBeInstanceOf(StoppedError);
    expect(await stage.stored()).toEqual([]);
    const other = stage.write('other.csv', `time,signal,value\n${stageTime(0)},berlin/line-01/m-002/temperature,1\n`);
    await expect(stage.run([other])).rejects.toThrow(/interrupted.*--abandon/);
    const { state } = await stage.run([file, '--batch', '20000']);
    expect(state).toMatchObject({ received: 200_000, stored: 200_000, duplicate: 0 });
    const [sum] = await stage.database.query<{ sum: number; count: number }>(
      'select sum(value)::int8 as sum, count(distinct time)::int as count from reading',
    );
    expect(sum).toEqual({ sum: (200_000 * 199_999) / 2, count: 200_000 });
    expect(await stage.wrongRollups()).toBe(0);
  });

  test('--abandon throws away what an interrupted run has staged', async () => {
    const lines = Array.from(
      { length: 60_000 },
      (_, index) => `${stageTime(index)},berlin/line-01/m-001/temperature,${index}`,
    );
    const file = stage.write('abandoned.csv', `time,signal,value\n${lines.join('\n')}\n`);
    let asked = 0;
    await expect(stage.run([file, '--batch', '10000'], () => ++asked > 2)).rejects.toBeInstanceOf(StoppedError);
    const other = stage.write('after.csv', `time,signal,value\n${stageTime(0)},berlin/line-01/m-002/temperature,1\n`);
    expect((await stage.run([other, '--abandon'])).state).toMatchObject({ stored: 1 });
    expect(await stage.stored()).toHaveLength(1);
  });

  if (engine === 'timescale')
    test('where TimescaleDB offers no way to attach a chunk, rows are inserted one by one, and nothing is lost', async () => {
      await stage.database.query('alter function _timescaledb_functions.create_compressed_chunk rename to gone');
      const lines = Array.from({ length: 3000 }, (_, index) => `${stageTime(index * 20)},${index}`);
      const file = stage.write('fallback.csv', `time,temperature\n${lines.join('\n')}\n`);
      const { state } = await stage.run([file, '--machine', 'berlin/line-01/m-001']);
      expect(state).toMatchObject({ stored: 3000, duplicate: 0 });
      expect(await stage.stored()).toHaveLength(3000);
      expect(await stage.wrongRollups()).toBe(0);
    });
});
