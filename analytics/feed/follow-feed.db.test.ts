import { beforeAll, describe, expect, it } from 'vitest';
import { silentLog } from '../../core/log.ts';
import { createTestDatabase, type TestDatabase, testEngines } from '../../core/testing/database.ts';
import { storeReadings } from '../../core/testing/store-readings.ts';
import { createRandom, makeReadings, readOutcome } from '../testing/make-readings.ts';
import { insertSmallPlant } from '../testing/small-plant.ts';
import { createFollower, type Follower } from './follow-feed.ts';

/** A minute that began some hours ago: what is stored now is late for the rollups, and not for analytics. */
const startUs = Math.floor(performance.timeOrigin / 60_000 - 300) * 60_000_000;

function follow(database: TestDatabase): Follower {
  return createFollower({ database, log: silentLog, urgentMs: 0, idleMs: 0, recomputeAfterMs: 0 });
}

describe.each(testEngines())('the follower on %s', (engine) => {
  let database: TestDatabase;
  beforeAll(async () => {
    database = await createTestDatabase(engine);
  });

  it.each([5, 8, 10])('seed %d gives the same from ordered, shuffled and restarted data', async (seed) => {
    const ordered = await insertSmallPlant(database, 2, `ordered ${engine} ${seed}`);
    let follower = follow(database);
    const readings = await makeReadings(database, ordered, startUs, seed);
    for (let at = 0; at < readings.length; at += 700) {
      await storeReadings(database, readings.slice(at, at + 700));
      await follower.drain();
    }
    await follower.drain(true);
    const expected = await readOutcome(database, ordered, startUs);
    expect(expected.states.length).toBeGreaterThan(10);
    expect(expected.states).toContainEqual(expect.objectContaining({ state: 'setup' }));
    expect(expected.minutes.length).toBeGreaterThan(9);

    // The same day again on another plant, with batches cut at random, rows shuffled over minutes, the process replaced
    // now and then without a word, and a tenth of all rows an hour late.
    const shuffled = await insertSmallPlant(database, 2, `shuffled ${engine} ${seed}`);
    const random = createRandom(seed);
    const again = (await makeReadings(database, shuffled, startUs, seed)).map((reading) => ({
      reading,
      at: reading.time_us + (random() < 0.1 ? 3600e6 : random() * 120e6),
    }));
    const arriving = again.toSorted((a, b) => a.at - b.at).map(({ reading }) => reading);
    follower = follow(database);
    for (let at = 0; at < arriving.length; ) {
      const rows = 100 + Math.floor(random() * 900);
      await storeReadings(database, arriving.slice(at, at + rows));
      if (random() < 0.8) await follower.drain();
      if (random() < 0.3) follower = follow(database);
      at += rows;
    }
    await follower.drain(true);
    for (let round = 0; round < 50; round++) {
      await follower.drain(true);
      const [open] = await database.query<{ count: number }>('select count(*) from machine_recompute');
      if (open?.count === 0) break;
    }
    // Alarms are another matter: what comes late raises none.
    const { states, minutes } = await readOutcome(database, shuffled, startUs);
    expect({ states, minutes }).toEqual({ states: expected.states, minutes: expected.minutes });
  });

  it('tells of an alarm right after its commit, while more batches wait', async () => {
    const plant = await insertSmallPlant(database, 1, `told ${engine}`);
    const machine = plant.machines[0];
    const say = (second: number, value: number) =>
      storeReadings(database, [
        { signal_id: machine?.signals['temperature'] ?? 0, time_us: startUs + second * 1e6, value },
      ]);
    // More batches than one look into the feed takes.
    for (let second = 0; second < 60; second++) await say(second, second < 3 ? 50 : 95);
    const told: { alarmed: number[]; behind: boolean }[] = [];
    const rest = await follow(database).drain(true, async ({ alarmed }) => {
      const [row] = await database.query<{ behind: boolean }>(
        'select bool_or(c.sequence < g.last_sequence) as behind from analytics_cursor c join gateway g using (gateway_id)',
      );
      told.push({ alarmed, behind: row?.behind ?? false });
    });
    expect(told[0]).toEqual({ alarmed: [machine?.machine_id], behind: true });
    expect(rest.alarmed).toEqual([]);
  });
});
