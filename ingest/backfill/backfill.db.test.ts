import { rmSync } from 'node:fs';
import { parquetWriteBuffer } from 'hyparquet-writer';
import { afterAll, beforeEach, describe, expect, test } from 'vitest';
import { testEngines } from '../../core/testing/database.ts';
import { createBackfillStage, stageDay, stageFolder, stageTime, type BackfillStage } from './testing/backfill-stage.ts';
import { ColumnError } from './column-map.ts';

afterAll(() => rmSync(stageFolder, { recursive: true, force: true }));

describe.each(testEngines())('back-fill on %s', (engine) => {
  let stage: BackfillStage;
  beforeEach(async () => {
    stage = await createBackfillStage(engine);
  });

  /** For each chunk, whether it is in the columnstore and can be taken apart and put together again. */
  async function compressedChunks(): Promise<boolean[]> {
    const chunks = await stage.database.query<{ is_compressed: boolean }>(
      `select is_compressed from timescaledb_information.chunks where hypertable_schema = 'public' and hypertable_name = 'reading'`,
    );
    await stage.database.query(`select decompress_chunk(c), compress_chunk(c) from show_chunks('reading') c`);
    return chunks.map((chunk) => chunk.is_compressed);
  }

  /** For each partition with rows, whether it has the unique index and the BRIN of its parent. */
  async function indexedPartitions(): Promise<boolean[]> {
    const partitions = await stage.database.query<{ indexed: boolean }>(
      `select (select count(*) from pg_index x join pg_inherits p on p.inhrelid = x.indexrelid
                where x.indrelid = i.inhrelid and x.indisvalid) = 2 as indexed
         from pg_inherits i where i.inhparent = 'reading'::regclass and pg_relation_size(i.inhrelid) > 0`,
    );
    return partitions.map((partition) => partition.indexed);
  }

  test('a long file: paths and source addresses, qualities, states by name, orders as texts, to the last digit', async () => {
    const file = stage.write(
      'long.csv',
      'time,signal,value,quality\n' +
        `${stageTime(0)},berlin/line-01/m-001/temperature,20.12345678901234,good\n` +
        `${stageTime(1)},millrace/berlin/line-01/m-001/temperature,-1e-300,64\n` +
        `${stageTime(0)},old/m-002/pressure,5,uncertain\n` +
        `${stageTime(0)},old/m-002/state,Execute,\n` +
        `${stageTime(0)},old/m-002/order,"Widget, large",\n` +
        `${stageTime(2)},old/m-002/pressure,,bad\n` +
        `${stageTime(3)},old/m-002/pressure,,good\n`,
    );
    const { state } = await stage.run([file]);
    expect(state).toMatchObject({ received: 6, stored: 6, duplicate: 0, rejected: 0, empty: 1, phase: 'done' });
    const rows = await stage.stored();
    expect(rows.map(({ signal, value, quality }) => [signal, value, quality])).toEqual([
      ['m-001/temperature', 20.12345678901234, 192],
      ['m-002/order', expect.any(Number), 192],
      ['m-002/pressure', 5, 64],
      ['m-002/state', 6, 192],
      ['m-001/temperature', -1e-300, 64],
      ['m-002/pressure', null, 0],
    ]);
    const texts = await stage.database.query<{ text: string }>('select text from text_value where text_value_id = $1', [
      rows[1]?.value,
    ]);
    expect(texts).toEqual([{ text: 'Widget, large' }]);
    expect(await stage.books()).toEqual({ received: 6, stored: 6, duplicate: 0, conflict: 0, rejected: 0 });
    expect(await stage.wrongRollups()).toBe(0);
    const late = await stage.database.query<{ machine_ids: number[] }>('select machine_ids from late_range');
    expect(late.map(({ machine_ids }) => machine_ids.length)).toEqual([1]);
    const latest = await stage.database.query<{ value: number }>(
      `select value from latest_value join signal using (signal_id) join machine m using (machine_id) where m.name = 'm-001'`,
    );
    expect(latest).toEqual([{ value: -1e-300 }]);
  });

  test('a wide file with the columns of one machine; bad cells are named with file, line, column and value, and do not stop the others', async () => {
    const file = stage.write(
      'wide.csv',
      'datetime;temperature;p [bar];note\n' +
        `${stageTime(0)};1;10;x\n` +
        `${stageTime(60)};two;20;x\n` +
        `not a time;3;30;x\n` +
        `${stageTime(120)};4\n` +
        `2001-01-01T00:00:00Z;5;50;x\n` +
        `2099-01-01T00:00:00Z;6;60;x\n`,
    );
    await stage.database.query("update reading_retention set dropped_before = now() - interval '30 days'");
    const { state } = await stage.run([
      file,
      '--machine',
      'berlin/line-01/m-001',
      '--columns',
      'p [bar]=pressure',
      '--ignore',
      'note',
    ]);
    expect(state).toMatchObject({ stored: 4, rejected: 5 });
    expect(stage.bad.map(({ line, column, value, reason }) => [line, column, value, reason])).toEqual([
      [3, 'temperature', '"two"', 'not_a_number'],
      [4, 'datetime', '"not a time"', 'wrong_time'],
      [5, 'p [bar]', '"nothing"', 'missing_value'],
      [6, 'datetime', '"2001-01-01T00:00:00Z"', 'too_old'],
      [7, 'datetime', '"2099-01-01T00:00:00Z"', 'far_future'],
    ]);
    const kept = await stage.database.query<{ address: string; detail: string }>(
      'select address, detail from rejected_reading order by 1',
    );
    expect(kept[0]).toEqual({
      address: `${file}:3 temperature`,
      detail: expect.stringContaining('"two"; accepted is a number'),
    });
    expect(await stage.books()).toMatchObject({ received: 9, stored: 4, rejected: 5 });
  });

  test('columns that are no signals stop the run before anything is written, all at once and with a suggestion', async () => {
    const file = stage.write(
      'columns.csv',
      `time,temperature,foo,berlin/line-01/m-002/presure\n${stageTime(0)},1,2,3\n`,
    );
    const failure = stage.run([file, '--machine', 'berlin/line-01/m-001']);
    await expect(failure).rejects.toBeInstanceOf(ColumnError);
    await expect(failure).rejects.toThrow(
      /2 columns are no signal[\s\S]*"foo"\n[\s\S]*"berlin\/line-01\/m-002\/presure" \(did you mean millrace\/berlin\/line-01\/m-002\/pressure/,
    );
    expect(await stage.stored()).toEqual([]);
  });

  test('--check judges everything and writes nothing', async () => {
    const file = stage.write(
      'check.csv',
      `time,signal,value\n${stageTime(0)},berlin/line-01/m-001/temperature,1\n${stageTime(1)},nowhere,1\n`,
    );
    const { state } = await stage.run([file, '--check']);
    expect(state).toMatchObject({ received: 2, rejected: 1 });
    expect(stage.bad[0]).toMatchObject({ line: 3, column: 'signal', value: '"nowhere"' });
    expect(await stage.stored()).toEqual([]);
    expect(await stage.database.query("select 1 from source where protocol = 'file'")).toEqual([]);
  });

  test('Parquet, wide and long, gives what CSV gives', async () => {
    const times = Array.from({ length: 2500 }, (_, index) => new Date(stageDay + index * 1000));
    const wide = stage.write(
      'wide.parquet',
      Buffer.from(
        parquetWriteBuffer({
          columnData: [
            { name: 'time', data: times, type: 'TIMESTAMP' },
            { name: 'temperature', data: times.map((_, index) => index / 3), type: 'DOUBLE' },
            { name: 'good', data: times.map((_, index) => BigInt(index)), type: 'INT64' },
          ],
          rowGroupSize: 1000,
        }),
      ),
    );
    const long = stage.write(
      'long.parquet',
      Buffer.from(
        parquetWriteBuffer({
          columnData: [
            { name: 'ts', data: times.map((time) => BigInt(time.getTime()) * 1000n + 7n), type: 'INT64' },
            {
              name: 'signal',
              data: times.map((_, index) =>
                index % 2 === 0 ? 'berlin/line-01/m-002/temperature' : 'berlin/line-01/m-002/state',
              ),
              type: 'STRING',
            },
            { name: 'value', data: times.map((_, index) => index % 18), type: 'DOUBLE' },
          ],
        }),
      ),
    );
    expect((await stage.run([wide, '--machine', 'berlin/line-01/m-001'])).state).toMatchObject({
      stored: 5000,
      rejected: 0,
    });
    expect((await stage.run([long])).state).toMatchObject({ stored: 2500, rejected: 0 });
    const [sums] = await stage.database.query(
      `select count(*)::int as rows, sum(value) filter (where s.name = 'temperature' and m.name = 'm-001') as temperature,
              sum(value) filter (where s.name = 'good')::int as good, max(extract(microseconds from time)::int % 1000) as us
         from reading join signal s using (signal_id) join machine m using (machine_id)`,
    );
    expect(sums).toEqual({
      rows: 7500,
      temperature: expect.closeTo((2500 * 2499) / 6, 6),
      good: (2500 * 2499) / 2,
      us: 7,
    });
    expect(await stage.wrongRollups()).toBe(0);
  });

  test('the rows land in the form of storage that the engine reads fastest', async () => {
    const lines = Array.from({ length: 20_000 }, (_, index) => `${stageTime(index * 4)},${index},${index}`);
    const file = stage.write('form.csv', `time,temperature,pressure\n${lines.join('\n')}\n`);
    await stage.run([file, '--machine', 'berlin/line-01/m-001']);
    const form = engine === 'timescale' ? await compressedChunks() : await indexedPartitions();
    expect(form).toEqual([true, true, true, true].slice(0, form.length));
    expect(form.length).toBe(engine === 'timescale' ? 4 : 1);
    expect(await stage.stored()).toHaveLength(40_000);
    await expect(
      stage.database.query(
        `insert into reading (time, signal_id, value, quality) select time, signal_id, value, quality from reading limit 1`,
      ),
    ).rejects.toThrow(/duplicate key/);
  });
});
