import { beforeAll, describe, expect, it } from 'vitest';
import { silentLog } from '../../core/log.ts';
import { appendReading, createColumns } from '../../core/reading-columns.ts';
import { createTestDatabase, type TestDatabase, testEngines } from '../../core/testing/database.ts';
import { storeReadings } from '../../core/testing/store-readings.ts';
import { writeShiftInstances } from '../oee/shift-instances.ts';
import { writeSlices } from '../oee/write-slices.ts';
import { recomputeStates } from '../states/recompute.ts';
import { loadPlant } from '../plant.ts';
import { insertSmallPlant, type SmallMachine } from '../testing/small-plant.ts';
import { readMemory } from './checkpoint.ts';
import { createFollower } from './follow-feed.ts';
import { createLive, passTime, restoreLive, snapshotLive } from './live.ts';
import { processBatch } from './process-batch.ts';

const nowUs = Math.floor(performance.timeOrigin) * 1000;
const hourUs = 3600e6;
const execute = 6;

describe.each(testEngines())('readings of odd times on %s', (engine) => {
  let database: TestDatabase;
  let machines: SmallMachine[];
  beforeAll(async () => {
    database = await createTestDatabase(engine);
    ({ machines } = await insertSmallPlant(database, 10));
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

  it.each([
    ['while the quality of its state is bad', 8],
    ['in a planned stop', 9],
  ])('what a machine makes %s stays out of OEE as its time does, live and computed again', async (what, machine) => {
    const start = nowUs - 5 * hourUs - ((nowUs - 5 * hourUs) % hourUs);
    const readings: { signal: string; second: number; value: number | null; quality?: number }[] = [
      { signal: 'state', second: 0, value: execute },
      ...(machine === 8
        ? [
            { signal: 'state', second: 600, value: null, quality: 0 },
            { signal: 'state', second: 1200, value: execute },
          ]
        : [
            { signal: 'mode', second: 600, value: 2 },
            { signal: 'mode', second: 1200, value: 1 },
          ]),
      ...Array.from({ length: 361 }, (_, count) => ({ signal: 'good', second: count * 5, value: count })),
    ];
    const stored = readings
      .toSorted((a, b) => a.second - b.second)
      .map(({ signal, second, ...rest }) => ({
        signal_id: machines[machine]?.signals[signal] ?? 0,
        time_us: start + second * 1e6,
        ...rest,
      }));
    const counted = () =>
      database.query(
        `select observed, sum(total_count) as pieces from production_minute where machine_id = $1 group by 1 order by 1`,
        [machines[machine]?.machine_id],
      );
    const expected = [
      { observed: false, pieces: 120 },
      { observed: true, pieces: 240 },
    ];
    await storeReadings(database, stored);
    const follower = await settle();
    expect(await counted()).toEqual(expected);
    await database.query(
      `insert into machine_recompute (machine_id, from_time, to_time) values ($1, to_timestamp($2::float8 / 1e6), to_timestamp($2::float8 / 1e6) + interval '30 minutes')`,
      [machines[machine]?.machine_id, start],
    );
    await settle(follower);
    expect(await counted()).toEqual(expected);
    await writeShiftInstances(database, start / 1000, start / 1000 + 3600e3, start / 1000);
    const ids = [machines[machine]?.machine_id ?? 0];
    await writeSlices(database, { from_ms: start / 1000, to_ms: start / 1000 + 3600e3 - 1, machine_ids: ids });
    expect(
      await database.query('select running_seconds, total_count from oee_slice where machine_id = $1', [ids[0]]),
    ).toEqual([{ running_seconds: 1200, total_count: 240 }]);
  });

  it('one old Execute is no more running than the silence limit allows, live and computed again', async () => {
    const old = nowUs - 1000 * 24 * hourUs;
    await say(0, 'state', old, execute);
    // Nothing has arrived for a day since.
    await database.query(`update reading_batch set stored_at = stored_at - interval '1 day'`);
    await settle();
    expect(await statesOf(0)).toMatchObject([{ state: 'no_data', ended: null }]);
    // Told late, and before it: the states are computed again up to the live end.
    await say(0, 'state', old - 10e6, execute);
    await settle();
    // And once more by itself: what it writes is what an OEE job sees before the follower has looked at the clock again.
    await database.withTransaction(async (connection) => {
      const live = restoreLive(await loadPlant(connection), await readMemory(connection));
      await recomputeStates(connection, live, 0, old - 10e6, old);
    });
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

  it('a reading stamped ahead of its arrival blinds no machine, and counts when time has come up to it', async () => {
    const follower = follow();
    const [at] = await database.query<{ us: number }>(
      `select (extract(epoch from clock_timestamp()) * 1e6)::float8 as us`,
    );
    const start = Math.floor(((at?.us ?? 0) - 60e6) / 1e6) * 1e6;
    await say(1, 'state', start, 4);
    const future = start + 20 * hourUs;
    for (const [signal, value] of [
      ['state', execute],
      ['temperature', 50],
      ['good', 1000],
    ] as const)
      await say(1, signal, future, value);
    await follower.drain(true);
    for (let second = 1; second <= 5; second++) await say(1, 'temperature', start + second * 1e6, 95);
    await say(1, 'good', start + 5e6, 10);
    await say(1, 'good', start + 6e6, 12);
    await say(1, 'state', start + 6e6, 9);
    await settle(follower);
    const from = (start - nowUs) / 1e6;
    expect(await statesOf(1)).toEqual([
      { state: 'idle', started: from, ended: from + 6 },
      { state: 'down', started: from + 6, ended: null },
    ]);
    const alarms = await database.query('select kind from alarm where machine_id = $1 and returned_at is null', [
      machines[1]?.machine_id,
    ]);
    expect(alarms).toContainEqual({ kind: 'limit_high_high' });

    // Twenty hours on, without waiting for them: the batches and the readings are that much older.
    const plant = await loadPlant(database);
    const live = createLive(plant);
    const slot = plant.slot_of[machines[2]?.signals['good'] ?? 0] ?? -1;
    const counts = createColumns(4);
    for (const [time, value] of [
      [start, 10],
      [start + hourUs, 500],
    ] as const)
      appendReading(counts, time, machines[2]?.signals['good'] ?? 0, value, 192);
    processBatch(live, counts, counts.length, start / 1000);
    const restored = restoreLive(plant, snapshotLive(live));
    passTime(restored, (start + hourUs - 1e6) / 1000);
    expect([restored.last_us[slot], restored.counter_value[slot]]).toEqual([start, 10]);
    expect(restored.outcome.recompute).toEqual([]);
    passTime(restored, (start + hourUs) / 1000);
    expect([restored.last_us[slot], restored.counter_value[slot]]).toEqual([start + hourUs, 500]);
    expect(restored.outcome.recompute).toEqual([{ machine: 2, from_us: start + hourUs, to_us: start + hourUs }]);
  });
});
