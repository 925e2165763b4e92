import { describe, expect, onTestFinished, test } from 'vitest';
import { testEngines } from '../../core/testing/database.ts';
import { waitUntil } from '../../core/testing/wait-until.ts';
import { openFaultStage } from './testing/fault-stage.ts';
import { startRoom } from '../../core/testing/room.ts';
import { readBooks, storedReadings } from './testing/stored.ts';

describe.each(testEngines())('on %s, the journal is full while the database is away:', (engine) => {
  test.each(['drop-oldest', 'drop-newest'])('%s drops what it must, counts it, and is an alarm', async (whenFull) => {
    const settings = { JOURNAL_MAX_SIZE: '600KB', JOURNAL_WHEN_FULL: whenFull };
    const stage = await openFaultStage(engine, { settings, mess: { twice: 0, late: 0, shuffledWithin: 50 } });
    await stage.start();
    await stage.publisher.publish(100);
    await waitUntil('they are stored', async () => (await readBooks(stage.database)).stored === 100);
    await stage.connectionsMayOpen(false);
    while (!stage.ingest.output().includes('readings are dropped')) await stage.publisher.publish(2000);
    await stage.connectionsMayOpen(true);
    await stage.publisher.publish(100);
    const books = await waitUntil(
      'everything is booked',
      async () => {
        const now = await readBooks(stage.database);
        return now.received >= stage.publisher.messages && now;
      },
      { limitMs: 60_000, everyMs: 100 },
    );
    // What the broker delivered again after a sync that took too long is a duplicate, or dropped once more.
    expect(books.ended).toBe(books.received);
    expect(books.stored).toBeLessThan(stage.publisher.acknowledged.size);
    const stored = new Set(await storedReadings(stage.database));
    const sent = [...stage.publisher.acknowledged];
    expect([...stored].filter((reading) => !stage.publisher.acknowledged.has(reading))).toEqual([]);
    const [row] = await stage.database.query<{ dropped: number }>('select sum(dropped)::int as dropped from ledger');
    expect(row?.dropped).toBeGreaterThanOrEqual(sent.length - stored.size);
    expect(books.stored + books.duplicate + (row?.dropped ?? 0)).toBe(books.received);
    // Those before the outage are there, and of the outage the end that the setting does not name.
    const kept = whenFull === 'drop-oldest' ? sent.slice(-300) : sent.slice(100, 300);
    for (const reading of [...sent.slice(0, 100), ...kept]) expect(stored).toContain(reading);

    await waitUntil('the gateway says so', async () => {
      const [gateway] = await stage.database.query<{ status: string }>(
        "select status->>'status' as status from gateway",
      );
      return gateway?.status === 'dropping';
    });
    const analytics = await startRoom('analytics/main.ts', stage.settings);
    onTestFinished(() => analytics.kill());
    await waitUntil(
      'it is an alarm',
      async () => {
        const alarms = await stage.database.query("select 1 from alarm where kind = 'gateway' and returned_at is null");
        return alarms.length === 1;
      },
      { limitMs: 60_000, everyMs: 100 },
    );
  });
});
