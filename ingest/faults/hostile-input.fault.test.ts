import { describe, expect, test } from 'vitest';
import { waitUntil } from '../../core/testing/wait-until.ts';
import { testEngines } from '../../core/testing/database.ts';
import { openFaultStage } from './testing/fault-stage.ts';
import { hostileMessages } from './testing/hostile-messages.ts';
import { readBooks } from './testing/stored.ts';

describe.each(testEngines())('on %s, what is wrong:', (engine) => {
  test('100,000 malformed messages with good readings in between', async () => {
    const stage = await openFaultStage(engine);
    await stage.start();
    for (const group of hostileMessages('millrace', 100_000, 1000)) {
      await Promise.all(group.map(({ topic, payload }) => stage.publisher.publishBytes(topic, payload)));
      await stage.publisher.publish(50);
    }
    await stage.expectNothingLostAndNothingTwice('100,000 malformed messages', 1);
    const books = await readBooks(stage.database);
    expect(books.rejected).toBeGreaterThan(92_500);
    expect(books.parked).toBe(0);
    await waitUntil('the messages without a payload are told', async () => {
      const [row] = await stage.database.query<{ empty: number }>(
        "select coalesce(sum((status->>'empty_messages')::int8), 0)::int8 as empty from source",
      );
      // One that comes again, because ingest hung up before it was acknowledged, is told again.
      return row !== undefined && row.empty >= stage.publisher.emptyMessages;
    });
    expect(stage.ingest.process.exitCode).toBeNull();
  });

  test('10,000 unknown addresses', async () => {
    const stage = await openFaultStage(engine, { settings: { PARKED_MAX_READINGS: '15000' } });
    await stage.start();
    for (let round = 0; round < 2; round++) {
      for (let from = 0; from < 10_000; from += 500) {
        await Promise.all(
          Array.from({ length: 500 }, (_, index) =>
            stage.publisher.publishBytes(
              `millrace/berlin/line-01/m-001/unknown-${from + index}`,
              Buffer.from(JSON.stringify({ ts: 1_772_352_930_000 + round, value: round })),
            ),
          ),
        );
      }
      await stage.publisher.publish(200);
    }
    await waitUntil(
      'all are booked',
      async () => (await readBooks(stage.database)).received >= stage.publisher.messages,
      {
        limitMs: 60_000,
      },
    );
    const books = await readBooks(stage.database);
    expect(books).toMatchObject({ parked: 15_000, rejected: 5000 });
    const [row] = await stage.database.query<{ addresses: number; parked: number; refused: number }>(
      `select (select count(*) from discovered_address) as addresses, (select count(*) from parked_reading) as parked,
              (select count(*) from rejected_reading where reason = 'parked_full') as refused`,
    );
    // Refusals of one address within one batch are one row that says how many.
    expect(row).toMatchObject({ addresses: 10_000, parked: 15_000 });
    expect(row?.refused).toBeLessThanOrEqual(5000);
    await stage.expectNothingLostAndNothingTwice('10,000 unknown addresses', 1);
  });
});
