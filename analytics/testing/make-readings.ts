import type { Connection } from '../../core/database.ts';
import type { TestReading } from '../../core/testing/store-readings.ts';
import { type SmallPlant, textValueOf } from './small-plant.ts';

const second = 1e6;

/** Numbers in [0, 1) that are the same for the same seed. */
export function createRandom(seed: number): () => number {
  let state = seed;
  return () => (state = (state * 16_807) % 2_147_483_647) / 2_147_483_647;
}

/**
 * Twenty minutes of two machines at one reading a second: states and stretches in which their quality is bad, maintenance,
 * counts with a reset (that go on through all of these), faults, orders, silences.
 */
export async function makeReadings(
  database: Connection,
  plant: SmallPlant,
  startUs: number,
  seed = 11,
  seconds = 1200,
): Promise<TestReading[]> {
  const random = createRandom(seed);
  const products = [await textValueOf(database, plant, 'P-1'), await textValueOf(database, plant, 'P-2')];
  const readings: TestReading[] = [];
  for (const { signals } of plant.machines) {
    let state = 6;
    let good = 1000;
    let reject = 10;
    let fault = 0;
    let silentUntil = 0;
    let badUntil = 0;
    let mode = 1;
    for (let at = 0; at < seconds; at++) {
      if (random() < 0.01) state = [6, 6, 6, 11, 9, 4, 5][Math.floor(random() * 7)] ?? 6;
      if (random() < 0.002) silentUntil = at + 20 + Math.floor(random() * 60);
      if (random() < 0.003) badUntil = at + 5 + Math.floor(random() * 60);
      const changesMode = at === 0 || random() < 0.005;
      if (changesMode && at > 0) mode = 3 - mode;
      if (random() < 0.001) good = 0;
      fault = state === 9 ? 7 : 0;
      if (state === 6) good += random() < 0.5 ? 1 : 0;
      if (state === 6) reject += random() < 0.02 ? 1 : 0;
      if (at < silentUntil) continue;
      const time_us = startUs + at * second;
      const tell = (name: string, value: number | null): void => {
        readings.push({ signal_id: signals[name] ?? 0, time_us, value, quality: value === null ? 0 : 192 });
      };
      // A few stays beyond the limits, one of them at the end.
      tell('temperature', (at % 500 < 30 ? 92 : 50) + random());
      tell('fault', fault);
      tell('order', products[Math.floor(at / 90) % 2] ?? 0);
      if (changesMode) tell('mode', mode);
      tell('state', at < badUntil ? null : state);
      tell('good', good);
      tell('reject', reject);
    }
  }
  return readings.toSorted((a, b) => a.time_us - b.time_us);
}

/** What analytics made of a plant's readings, relative to its ids and to `startUs`, so that two plants can be compared. */
export async function readOutcome(
  database: Connection,
  plant: SmallPlant,
  startUs: number,
): Promise<{ states: unknown[]; minutes: unknown[]; alarms: unknown[] }> {
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
    alarms: await database.query(
      `select a.machine_id - $2::int as machine, s.name, a.kind, extract(epoch from a.raised_at) * 1e6 - $3::numeric as raised,
              extract(epoch from a.returned_at) * 1e6 - $3::numeric as returned, a.value, a.peak_value
         from alarm a left join signal s using (signal_id) where a.machine_id = any($1::int[]) order by 1, 2, 3, 4`,
      [ids, ids[0], startUs],
    ),
  };
}
