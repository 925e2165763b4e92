import { appendFileSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { pause } from '../../core/clock.ts';
import { testEngines } from '../../core/testing/database.ts';
import { waitUntil } from '../../core/testing/wait-until.ts';
import { openFaultStage } from './testing/fault-stage.ts';
import { storedChecksum } from './testing/stored.ts';

/** What a power cut leaves behind the last record that was synced, in the form of each kind of it. */
const tornTails: ((segment: string) => void)[] = [
  (segment) => appendFileSync(segment, readFileSync(segment).subarray(16, 16 + 200)),
  (segment) => appendFileSync(segment, readFileSync(segment).subarray(16, 16 + 27)),
  (segment) => appendFileSync(segment, Buffer.alloc(4096)),
  (segment) => appendFileSync(segment, Buffer.from('MRJ\u0001 and no record', 'latin1')),
  // The next segment, of which half a header reached the disk.
  (segment) => writeFileSync(segment.replace(/[0-9a-f]{16}(?=\.journal$)/, 'ffffffff'.padStart(16, '0')), 'MRJOUR'),
];

// After every fault, what the database holds is exactly what the publisher was told is acknowledged: by checksum over
// signal, time and value, not by count alone. 1 % come twice, 5 % an hour late, in random order within 50.
describe.each(testEngines())('on %s', (engine) => {
  test('nothing but 1 % duplicates, 5 % late and shuffled', async () => {
    const stage = await openFaultStage(engine, { mess: { twice: 0.01, late: 0.05, shuffledWithin: 1000 } });
    await stage.start();
    await stage.publisher.publish(20_000);
    await stage.expectNothingLostAndNothingTwice('1 % twice, 5 % late, shuffled', 1);
    const [books] = await stage.database.query<{ duplicate: number; late: number }>(
      'select sum(duplicate)::int8 as duplicate, sum(late)::int8 as late from ledger',
    );
    expect(books?.duplicate).toBe(stage.publisher.messages - stage.publisher.sent);
    expect(books?.late).toBeGreaterThan(500);
  });

  test('ingest killed with -9, six times under load', async () => {
    const stage = await openFaultStage(engine);
    await stage.start();
    await stage.publishDuring(async () => {
      for (let kills = 0; kills < 6; kills++) {
        const { sent } = stage.publisher;
        // Between 50 and 450 ms after the start: in the middle of receiving, journaling, storing and replaying.
        await pause(50 + kills * 80);
        await stage.ingest.stop('SIGKILL');
        await stage.start();
        expect(stage.publisher.sent).toBeGreaterThan(sent);
      }
    });
    await stage.expectNothingLostAndNothingTwice('ingest killed with -9 under load', 6);
  });

  test('the database cuts the connections again and again, then takes none for three seconds', async () => {
    const stage = await openFaultStage(engine);
    await stage.start();
    await stage.publishDuring(async () => {
      for (let cuts = 0; cuts < 6; cuts++) {
        await pause(150);
        await stage.cutConnections();
      }
      await stage.connectionsMayOpen(false);
      await pause(3000);
      await stage.connectionsMayOpen(true);
    });
    expect(stage.ingest.process.exitCode).toBeNull();
    await stage.expectNothingLostAndNothingTwice('database connections cut, then refused for 3 s', 7);
  });

  test('the journal is full while the database is away: the broker keeps the rest, and all of it arrives', async () => {
    const stage = await openFaultStage(engine, { settings: { JOURNAL_MAX_SIZE: '600KB' } });
    await stage.start();
    await stage.publisher.publish(100);
    await stage.connectionsMayOpen(false);
    await stage.publisher.publish(30_000);
    await waitUntil('ingest has hung up', () => stage.brokerProxy.open <= 1, { limitMs: 30_000 });
    const { readings } = await storedChecksum(stage.database);
    expect(readings).toBeLessThan(stage.publisher.acknowledged.size);
    await stage.connectionsMayOpen(true);
    await stage.expectNothingLostAndNothingTwice('journal full while the database is away', 1);
  });

  test('the journal is torn behind its last synced record', async () => {
    const stage = await openFaultStage(engine);
    await stage.start();
    for (const tear of tornTails) {
      await stage.publisher.publish(500);
      // Without the database what follows lies in the journal alone.
      await stage.connectionsMayOpen(false);
      await stage.publisher.publish(500);
      const folder = join(stage.settings['DATA_DIR'] ?? '', 'journal');
      const lastSegment = (): string | undefined =>
        readdirSync(folder, { recursive: true, encoding: 'utf8' })
          .filter((name) => name.endsWith('.journal'))
          .toSorted()
          .at(-1);
      // The broker here acknowledges by itself, so that an ingest that has only just started may not have it yet.
      await waitUntil('the journal holds something', () => lastSegment() !== undefined);
      await stage.ingest.stop('SIGKILL');
      tear(join(folder, lastSegment() ?? ''));
      await stage.connectionsMayOpen(true);
      await stage.start();
      expect(stage.ingest.output()).not.toContain('damaged');
    }
    await stage.expectNothingLostAndNothingTwice('journal torn behind its last record', tornTails.length);
  });

  test('SIGTERM under load ends within ten seconds, and the next start goes on where it stopped', async () => {
    const stage = await openFaultStage(engine);
    await stage.start();
    await stage.publishDuring(async () => {
      await pause(300);
      const stoppedAt = performance.now();
      expect(await stage.ingest.stop('SIGTERM')).toBe(0);
      expect(performance.now() - stoppedAt).toBeLessThan(10_000);
      await stage.start();
    });
    await stage.expectNothingLostAndNothingTwice('SIGTERM under load', 1);
  });
});
