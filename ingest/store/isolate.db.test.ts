import { describe, expect, onTestFinished, test } from 'vitest';
import { now } from '../../core/clock.ts';
import { Quality } from '../../core/reading.ts';
import { testEngines } from '../../core/testing/database.ts';
import type { SourceIntake } from '../receive/receiver.ts';
import { addReading, addRejected } from '../resolve/add-reading.ts';
import { openStoreStage, type StoreStage } from '../testing/store-stage.ts';

/** What a table refuses: a sentence of SQL for each table that the store writes for data, and rows that meet it. */
const poisons: [table: string, check: string, rejected: number][] = [
  ['text_value', "text <> 'poison'", 1],
  ['discovered_address', "address not like '%poison%'", 1],
  ['parked_reading', "text is distinct from 'poison'", 1],
  ['rejected_reading', "detail not like '%poison%'", 1],
  ['latest_value', 'value is distinct from 13', 1],
  ['source', "name not like '%poison%'", 0],
];

describe.each(testEngines())('on %s', (engine) => {
  test('a row that any one table refuses is kept as rejected, and all others are stored', async () => {
    const stage = await openStoreStage(engine);
    onTestFinished(() => stage.close());
    let before = await stage.ledger();
    for (const [table, check, refused] of poisons) {
      await stage.database.query(`alter table ${table} add constraint poison check (${check}) not valid`);
      // Two sources in one record of the journal, and the poison in one of them.
      const messages = [
        stage.message((into) => fill(stage, into, 'sound'), { protocol: 'mqtt', name: 'millrace/berlin/line-02' }),
        stage.message((into) => fill(stage, into, 'poison'), {
          protocol: 'mqtt',
          name: `millrace/berlin/${table}-poison`,
        }),
      ];
      await Promise.all(messages);
      const books = await stage.ledger();
      const change = (count: string): number => (books[count] ?? 0) - (before[count] ?? 0);
      const parked = table === 'discovered_address' || table === 'parked_reading' ? 3 : 4;
      expect(
        { table, received: change('received'), parked: change('parked'), rejected: change('rejected') },
        table,
      ).toEqual({ table, received: 12, parked, rejected: 2 + (table === 'rejected_reading' ? 0 : refused) });
      expect(change('stored') + change('duplicate') + change('rejected') + change('parked')).toBe(12);
      before = books;
      await stage.database.query(`alter table ${table} drop constraint poison`);
    }
    const kept = await stage.database.query<{ detail: string }>(
      "select detail from rejected_reading where reason = 'refused_by_database' order by rejected_reading_id",
    );
    expect(kept).toHaveLength(5);
    expect(kept[0]?.detail).toContain('23514');
    const [refusedSource] = await stage.database.query<{ received: number }>(
      "select sum(received)::int8 as received from ledger join source using (source_id) where name = '(refused sources)'",
    );
    expect(refusedSource?.received).toBe(6);
  });

  test('what the schema refuses whatever the rows are is waited for, not rejected', async () => {
    const stage = await openStoreStage(engine);
    onTestFinished(() => stage.close());
    await stage.database.query('alter table latest_value rename column value to hidden');
    const sent = stage.message((into) => fill(stage, into, 'sound'));
    await expect.poll(() => stage.failure()).toContain('"value"');
    await stage.database.query('alter table latest_value rename column hidden to value');
    await sent;
    expect(await stage.ledger()).toMatchObject({ received: 6, stored: 3, parked: 2, rejected: 1 });
  });
});

/** Six readings, one for each table: text, unknown address, parked text, rejection, latest value, and one that is sound. */
function fill(stage: StoreStage, into: SourceIntake, word: string): void {
  const timeUs = now() * 1000;
  const add = (address: string, name: string, value: number | string, at = 0): void =>
    addReading(into, address, stage.registry().signal(stage.idOf(name)), timeUs + at, value, Quality.good, timeUs);
  add('a', 'order', word);
  add(`unknown/${word}`, 'unknown', 1);
  add('unknown/text', 'unknown', word);
  addRejected(into, 'b', 'malformed_payload', `This is ${word}.`, null);
  add('c', word === 'poison' ? 't-1' : 't-2', word === 'poison' ? 13 : 14);
  add('d', 't-3', 1, word === 'poison' ? 1 : 0);
}
