import { beforeAll, describe, expect, it } from 'vitest';
import { now } from '../../core/clock.ts';
import { silentLog } from '../../core/log.ts';
import { createTestDatabase, type TestDatabase, testEngines } from '../../core/testing/database.ts';
import { storeReadings } from '../../core/testing/store-readings.ts';
import { answerOee } from '../answer-queues.ts';
import { createFollower } from '../feed/follow-feed.ts';
import { insertSmallPlant, type SmallMachine } from '../testing/small-plant.ts';

const hourMs = 3_600_000;
/** An hour of last week, further back than the sweep looks for unfinished slices. */
const startMs = Math.floor((now() - 7 * 24 * hourMs) / hourMs) * hourMs;

describe.each(testEngines())('a lost doorbell of OEE on %s', (engine) => {
  let database: TestDatabase;
  let machine: SmallMachine | undefined;
  beforeAll(async () => {
    database = await createTestDatabase(engine);
    ({
      machines: [machine],
    } = await insertSmallPlant(database, 1));
  });
  const say = (...readings: [second: number, signal: string, value: number][]) =>
    storeReadings(
      database,
      readings.map(([second, signal, value]) => ({
        signal_id: machine?.signals[signal] ?? 0,
        time_us: startMs * 1000 + second * 1e6,
        value,
      })),
    );
  const pieces = () =>
    database.query(
      `select total_count, computed_to = ended_at as done from oee_slice where started_at = to_timestamp($1::float8 / 1000)`,
      [startMs],
    );

  it('is found by the sweep, however old the slice is', async () => {
    const follower = createFollower({ database, log: silentLog, urgentMs: 0, idleMs: 0, recomputeAfterMs: 0 });
    const answer = answerOee({ database, clock: now, plantVersion: () => 1 });
    await say(
      [0, 'state', 6],
      [0, 'good', 0],
      ...Array.from({ length: 300 }, (_, n) => [n * 25, 'fault', 0] as [number, string, number]),
    );
    await say([1200, 'good', 10]);
    await follower.drain(true);
    await answer({ machine_ids: [machine?.machine_id ?? 0], from_ms: startMs, to_ms: startMs + 2 * hourMs });
    expect(await pieces()).toEqual([{ total_count: 10, done: true }]);

    // The counter was reset in between, which is learnt late. Nobody rings.
    await say([1000, 'good', 8], [1100, 'good', 0]);
    await follower.drain(true);
    await follower.drain(true);
    expect(await pieces()).toEqual([{ total_count: 10, done: false }]);
    await answer({});
    expect(await pieces()).toEqual([{ total_count: 18, done: true }]);
  });
});
