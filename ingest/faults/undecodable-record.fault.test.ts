import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { now } from '../../core/clock.ts';
import { testEngines } from '../../core/testing/database.ts';
import { waitUntil } from '../../core/testing/wait-until.ts';
import { readRecords, spoilRecord } from '../journal/testing/spoil-record.ts';
import { openFaultStage } from './testing/fault-stage.ts';
import { startMemoryBroker } from './testing/memory-broker.ts';
import { storedReadings } from './testing/stored.ts';

// Readings in each record of a round, and which of the records is spoiled.
const rounds = [
  { records: [1, 2, 3], spoiled: 0 },
  { records: [1, 2, 3], spoiled: 1 },
  { records: [1, 2, 3], spoiled: 2 },
  { records: [2], spoiled: 0 },
];

test.each(testEngines())(
  'a whole record that cannot be decoded costs its own readings, wherever it stands, and the books say so once, on %s',
  async (engine) => {
    const broker = await startMemoryBroker();
    const stage = await openFaultStage(engine, { broker });
    const { database, signals } = stage;
    await stage.start();
    const startMs = now();
    const kept: string[] = [];
    let sent = 0;
    let lost = 0;

    /** Sends one message, which becomes one record, and answers its readings as the database would hold them. */
    async function send(readings: number): Promise<string[]> {
      const ts = startMs + ++sent;
      const values = Object.fromEntries(Array.from({ length: readings }, (_, index) => [`t-${index + 1}`, sent]));
      await stage.publisher.publishBytes('millrace/berlin/line-01/m-001', Buffer.from(JSON.stringify({ ts, values })));
      return Object.keys(values).map((name) => `${signals.get(name)?.signal_id}|${ts}000|${sent}`);
    }

    async function expectOthersStored(lastSequence: number): Promise<void> {
      await waitUntil('everything behind it is committed', async () => {
        const [row] = await database.query<{ last_sequence: number }>('select last_sequence from gateway');
        return row?.last_sequence === lastSequence;
      });
      expect((await storedReadings(database)).toSorted()).toEqual(kept.toSorted());
      const books = await database.query(
        `select s.name, sum(received)::int as received, sum(stored)::int as stored, sum(duplicate + rejected + parked + dropped)::int as others
           from ledger join source s using (source_id) group by 1 order by 1`,
      );
      expect(books).toEqual([
        ...(lost > 0 ? [{ name: 'journal of gateway 1', received: lost, stored: 0, others: 0 }] : []),
        { name: 'millrace/berlin/line-01', received: kept.length, stored: kept.length, others: 0 },
      ]);
    }

    async function expectStatus(status: string, damaged: number): Promise<void> {
      await waitUntil('the gateway reports', async () => {
        const [row] = await database.query<{ status: { status: string; journal_damaged_total: number } }>(
          'select status from gateway where journal_readings = 0',
        );
        expect(row?.status).toMatchObject({ status, journal_damaged_total: damaged });
        return true;
      });
    }

    kept.push(...(await send(2)));
    await waitUntil('it is stored', async () => (await storedReadings(database)).length === kept.length);
    const [identity = ''] = readdirSync(join(stage.settings['DATA_DIR'] ?? '', 'journal', '1'));
    const folder = join(stage.settings['DATA_DIR'] ?? '', 'journal', '1', identity);
    const lastSequence = (): number => readRecords(folder).at(-1)?.sequence ?? 0;

    for (const restarts of [true, false]) {
      for (const { records, spoiled } of rounds) {
        await stage.connectionsMayOpen(false);
        let spoiledSequence = 0;
        for (const [index, readings] of records.entries()) {
          const before = lastSequence();
          const rows = await send(readings);
          await waitUntil('it is journaled', () => lastSequence() > before);
          if (index === spoiled) spoiledSequence = lastSequence();
          else kept.push(...rows);
        }
        // What was not acknowledged would come again: from the broker, beside what the journal has of it.
        await waitUntil('the broker knows that it is journaled', () => broker.unacknowledged === 0);
        const last = lastSequence();
        lost += spoilRecord(folder, spoiledSequence).readings;
        if (restarts) await stage.ingest.stop('SIGKILL');
        await stage.connectionsMayOpen(true);
        if (restarts) await stage.start();
        await expectOthersStored(last);
        const reports = stage.ingest.output().split('\n');
        const wanted = `"sequence":${spoiledSequence},`;
        const found = reports.filter((line) => line.includes(wanted) && line.includes('cannot be decoded'));
        expect(found).toEqual([expect.stringContaining(`${folder}/`)]);
      }
    }
    // One at the last start, and four since.
    await expectStatus('journal_damaged', 1 + rounds.length);

    await stage.ingest.stop('SIGKILL');
    await stage.start();
    kept.push(...(await send(3)));
    await waitUntil('it is stored', async () => (await storedReadings(database)).length === kept.length);
    await expectOthersStored(lastSequence());
    await expectStatus('running', 0);
  },
);
