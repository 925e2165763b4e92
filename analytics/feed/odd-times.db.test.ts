import { beforeAll, describe, expect, it } from 'vitest';
import { silentLog } from '../../core/log.ts';
import { createTestDatabase, type TestDatabase, testEngines } from '../../core/testing/database.ts';
import { storeReadings } from '../../core/testing/store-readings.ts';
import { writeShiftInstances } from '../oee/shift-instances.ts';
import { writeSlices } from '../oee/write-slices.ts';
import { insertSmallPlant, type SmallMachine } from '../testing/small-plant.ts';
import { createFollower } from './follow-feed.ts';

const nowUs = Math.floor(performance.timeOrigin) * 1000;
const hourUs = 3600e6;
const execute = 6;

describe.each(testEngines())('readings of odd times on %s', (engine) => {
  let database: TestDatabase;
  let machines: SmallMachine[];
  beforeAll(async () => {
    database = await createTestDatabase(engine);
    ({ machines } = await insertSmallPlant(database, 8));
  });

  const follow = () => createFollower({ database, log: silentLog, urgentMs: 0, idleMs: 0, recomputeAfterMs: 0 });
  const say = (machine: number, signal: string, timeUs: number, value: number) =>
    storeReadings(database, [{ signal_id: machines[machine]?.signals[signal] ?? 0, time_us: timeUs, value }]);
  const statesOf = (machine: number) =>
    database.query<{ state: string; started: number; ended: number | null }>(
      `select state, round(extract(epoch from started_at) * 1e6 - $2)::float8 / 1e6 as started,
              round(extract(epoch from ended_at) * 1e6 - $2)::float8 / 1e6 as ended
         from machine_state where machine_id = $1 order by started_at`,
      [machines[machine]?.machine_id, nowUs],
    );
  const settle = async (follower = follow()) => {
    for (let round = 0; round < 4; round++) await follower.drain(true);
    return follower;
  };

  it('one old Execute is no more running than the silence limit allows, live and computed again', async () => {
    const old = nowUs - 1000 * 24 * hourUs;
    await say(0, 'state', old, execute);
    // Nothing has arrived for a day since.
    await database.query(`update reading_batch set stored_at = stored_at - interval '1 day'`);
    await settle();
    expect(await statesOf(0)).toMatchObject([{ state: 'no_data', ended: null }]);
    // Told late, and before it: the states are computed again up to the live end.
    await say(0, 'state', old - 10e6, execute);
    // One checkpoint and no other: what it wrote is what the OEE job sees that it rings for.
    await createFollower({ database, log: silentLog, idleMs: 1000, recomputeAfterMs: 0 }).drain();
    const at = (old - nowUs) / 1e6;
    expect(await statesOf(0)).toEqual([
      { state: 'running', started: at - 10, ended: at },
      { state: 'no_data', started: at, ended: null },
    ]);
    const day = Math.floor(old / 1000 - 24 * 3600e3);
    await writeShiftInstances(database, day, day + 72 * 3600e3, day);
    await writeSlices(database, {
      from_ms: day,
      to_ms: day + 72 * 3600e3,
      machine_ids: [machines[0]?.machine_id ?? 0],
    });
    const [sum] = await database.query<{ running: number; no_data: number }>(
      `select sum(running_seconds)::float8 as running, sum(no_data_seconds)::float8 as no_data from oee_slice where machine_id = $1`,
      [machines[0]?.machine_id],
    );
    expect(sum?.running).toBeLessThanOrEqual(30);
    expect(sum?.no_data).toBeGreaterThan(3600);
  });
});
