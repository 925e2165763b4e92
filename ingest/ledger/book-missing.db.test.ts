import { describe, expect, onTestFinished, test } from 'vitest';
import { now } from '../../core/clock.ts';
import { testEngines } from '../../core/testing/database.ts';
import { waitUntil } from '../../core/testing/wait-until.ts';
import { spoilRecord } from '../journal/testing/spoil-record.ts';
import { openStoreStage } from '../testing/store-stage.ts';

describe.each(testEngines())('on %s', (engine) => {
  test('a record that is lost in the journal is missing in the books', async () => {
    const stage = await openStoreStage(engine);
    onTestFinished(() => stage.close());
    const timeUs = now() * 1000;
    await stage.send([['t-1', timeUs, 1]]);
    const sent: Promise<void>[] = [];
    await stage.database.withTransaction(async (connection) => {
      // The store waits with the next record in its hands, and those behind it stay on the disk.
      await connection.query('select from gateway for update');
      for (const count of [1, 3, 2]) {
        const before = stage.journal().last_sequence;
        const rows = Array.from({ length: count }, (_, row): [string, number, number] => [
          't-2',
          timeUs + count * 10 + row,
          row,
        ]);
        sent.push(stage.send(rows));
        await waitUntil('it is journaled', () => stage.journal().last_sequence > before);
        if (sent.length > 1) continue;
        await waitUntil('the store waits', async () => {
          const rows = await connection.query(
            "select from pg_locks where not granted and locktype in ('tuple', 'transactionid')",
          );
          return rows.length > 0;
        });
      }
      spoilRecord(stage.directory, 3, 'flip');
    });
    await Promise.all(sent);
    expect(stage.journal()).toMatchObject({ damaged: 1, readings: 0 });
    const books = await stage.database.query(
      'select s.protocol, s.name, sum(received)::int as received, sum(stored)::int as stored from ledger join source s using (source_id) group by 1, 2 order by 1',
    );
    expect(books).toEqual([
      { protocol: 'file', name: 'journal of gateway 1', received: 3, stored: 0 },
      { protocol: 'mqtt', name: 'millrace/berlin/line-01', received: 4, stored: 4 },
    ]);
    // A start is no loss.
    await stage.restart();
    await stage.send([['t-3', timeUs, 1]]);
    expect(await stage.ledger()).toMatchObject({ received: 8, stored: 5 });
    await stage.restart({ loseJournal: true });
    await stage.send([['t-3', timeUs + 1, 1]]);
    expect(await stage.ledger()).toMatchObject({ received: 9, stored: 6 });
  });
});
