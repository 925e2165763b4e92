import { beforeAll, describe, expect, it } from 'vitest';
import { silentLog } from '../../core/log.ts';
import { createTestDatabase, type TestDatabase, testEngines } from '../../core/testing/database.ts';
import { storeReadings, type TestReading } from '../../core/testing/store-readings.ts';
import { insertSmallPlant, type SmallPlant, textValueOf } from '../testing/small-plant.ts';
import { createFollower, type Follower } from './follow-feed.ts';

const second = 1e6;
/** A minute that began some hours ago: what is stored now is late for the rollups, and not for analytics. */
const startUs = Math.floor(performance.timeOrigin / 60_000 - 300) * 60_000_000;

function follow(database: TestDatabase): Follower {
  return createFollower({ database, log: silentLog, urgentMs: 0, idleMs: 0, recomputeAfterMs: 0 });
}

function createRandom(seed: number): () => number {
  let state = seed;
  return () => (state = (state * 16_807) % 2_147_483_647) / 2_147_483_647;
}

/** Twenty minutes of two machines at one reading a second: states, counts with a reset, faults, orders, silences. */
async function makeDay(database: TestDatabase, plant: SmallPlant, seconds = 1200): Promise<TestReading[]> {
  const random = createRandom(11);
  const products = [await textValueOf(database, plant, 'P-1'), await textValueOf(database, plant, 'P-2')];
  const readings: TestReading[] = [];
  for (const { signals } of plant.machines) {
    let state = 6;
    let good = 1000;
    let reject = 10;
    let fault = 0;
    let silentUntil = 0;
    for (let at = 0; at < seconds; at++) {
      if (random() < 0.01) state = [6, 6, 6, 11, 9, 4, 5][Math.floor(random() * 7)] ?? 6;
      if (random() < 0.002) silentUntil = at + 20 + Math.floor(random() * 60);
      if (random() < 0.001) good = 0;
      fault = state === 9 ? 7 : 0;
      if (state === 6) good += random() < 0.5 ? 1 : 0;
      if (state === 6) reject += random() < 0.02 ? 1 : 0;
      if (at < silentUntil) continue;
      const time_us = startUs + at * second;
      const tell = (name: string, value: number): void => {
        readings.push({ signal_id: signals[name] ?? 0, time_us, value });
      };
      tell('temperature', 50 + random());
      tell('fault', fault);
      tell('order', products[at < seconds / 2 ? 0 : 1] ?? 0);
      tell('state', state);
      tell('good', good);
      tell('reject', reject);
    }
  }
  return readings.toSorted((a, b) => a.time_us - b.time_us);
}

async function outcome(database: TestDatabase, plant: SmallPlant): Promise<{ states: unknown[]; minutes: unknown[] }> {
  const ids = plant.machines.map((machine) => machine.machine_id);
  return {
    states: await database.query(
      `select machine_id - $2::int as machine, extract(epoch from started_at) * 1e6 - $3::numeric as started, extract(epoch from ended_at) * 1e6 - $3::numeric as ended,
              state, fault_code from machine_state where machine_id = any($1::int[]) order by 1, 2`,
      [ids, ids[0], startUs],
    ),
    minutes: await database.query(
      `select machine_id - $2::int as machine, extract(epoch from minute) * 1e6 - $4::numeric as minute, product_id - $3::int as product, observed, total_count, good_count, reject_count
         from production_minute where machine_id = any($1::int[]) and (total_count <> 0 or good_count <> 0) order by 1, 2, 3, 4`,
      [ids, ids[0], plant.product_ids['P-1'], startUs],
    ),
  };
}

describe.each(testEngines())('the follower on %s', (engine) => {
  let database: TestDatabase;
  beforeAll(async () => {
    database = await createTestDatabase(engine);
  });

  it('gives the same from ordered, shuffled and restarted data', async () => {
    const ordered = await insertSmallPlant(database, 2, `ordered ${engine}`);
    let follower = follow(database);
    const readings = await makeDay(database, ordered);
    for (let at = 0; at < readings.length; at += 700) {
      await storeReadings(database, readings.slice(at, at + 700));
      await follower.drain();
    }
    await follower.drain(true);
    const expected = await outcome(database, ordered);
    expect(expected.states.length).toBeGreaterThan(10);
    expect(expected.minutes.length).toBeGreaterThan(15);

    // The same day again on another plant, with batches cut at random, rows shuffled over minutes, the process replaced
    // now and then without a word, and a tenth of all rows an hour late.
    const shuffled = await insertSmallPlant(database, 2, `shuffled ${engine}`);
    const random = createRandom(5);
    const again = (await makeDay(database, shuffled)).map((reading) => ({ reading, at: reading.time_us + (random() < 0.1 ? 3600e6 : random() * 120e6) }));
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
    expect(await outcome(database, shuffled)).toEqual(expected);
  });
});
