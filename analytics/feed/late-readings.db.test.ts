import { beforeAll, describe, expect, it } from 'vitest';
import { silentLog } from '../../core/log.ts';
import { createTestDatabase, type TestDatabase, testEngines } from '../../core/testing/database.ts';
import { storeReadings } from '../../core/testing/store-readings.ts';
import { insertSmallPlant, type SmallPlant, textValueOf } from '../testing/small-plant.ts';
import { createFollower } from './follow-feed.ts';

/** A minute that began some hours ago. */
const startUs = Math.floor(performance.timeOrigin / 60_000 - 300) * 60_000_000;

describe.each(testEngines())('late counts on %s', (engine) => {
  let database: TestDatabase;
  let plant: SmallPlant;
  beforeAll(async () => {
    database = await createTestDatabase(engine);
    plant = await insertSmallPlant(database, 2);
  });

  /** Tells a machine's readings `second signal value`, each line as one batch, and answers its counts by product. */
  async function counts(machine: number, ...batches: string[]): Promise<unknown[]> {
    const { machine_id, signals } = plant.machines[machine] ?? { machine_id: 0, signals: {} };
    const follower = createFollower({ database, log: silentLog, urgentMs: 0, idleMs: 0, recomputeAfterMs: 0 });
    for (const batch of batches) {
      const readings = batch.split(', ').map(async (text) => {
        const [second = '0', signal = '', value = '0'] = text.split(' ');
        return {
          signal_id: signals[signal] ?? 0,
          time_us: startUs + Number(second) * 1e6,
          value: signal === 'order' ? await textValueOf(database, plant, value) : Number(value),
        };
      });
      await storeReadings(database, await Promise.all(readings));
      await follower.drain(true);
    }
    for (let round = 0; round < 3; round++) await follower.drain(true);
    return database.query(
      `select code, observed, total_count from production_minute left join product using (product_id) where machine_id = $1 order by 1, 2`,
      [machine_id],
    );
  }

  it('belong to the order of their own time, also within one minute', async () => {
    const ordered = '0 state 6, 0 order P-1, 0 good 0, 20 good 5, 30 order P-2, 40 good 9, 50 good 10';
    expect(await counts(0, ordered, '25 good 7')).toEqual([
      { code: 'P-1', observed: true, total_count: 7 },
      { code: 'P-2', observed: true, total_count: 3 },
    ]);
  });

  it('share what was gained across a silence', async () => {
    const ordered = '0 state 6, 0 order P-1, 0 good 0, 35 state 6, 40 good 10, 50 good 12';
    expect(await counts(1, ordered, '38 good 7')).toEqual([
      { code: 'P-1', observed: false, total_count: 7 },
      { code: 'P-1', observed: true, total_count: 5 },
    ]);
  });
});
