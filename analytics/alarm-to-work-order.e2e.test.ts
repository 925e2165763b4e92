import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { now } from '../core/clock.ts';
import { createTestDatabase, type TestDatabase } from '../core/testing/database.ts';
import { storeReadings } from '../core/testing/store-readings.ts';
import { waitUntil } from '../core/testing/wait-until.ts';
import { insertSmallPlant, type SmallPlant } from './testing/small-plant.ts';
import { type RunningAnalytics, startAnalytics } from './testing/start-analytics.ts';
import { hasRedis, startRedis } from '../core/testing/redis.ts';

const withoutRedis = hasRedis() ? '' : ' (skipped: redis-server is not installed)';

describe.each([
  ['postgres', ''],
  ['redis', withoutRedis],
] as const)('analytics with its queues on %s%s', (backend, reason) => {
  const skip = reason !== '';
  let database: TestDatabase;
  let plant: SmallPlant;
  let analytics: RunningAnalytics;
  let redis: Awaited<ReturnType<typeof startRedis>> | undefined;

  beforeAll(async () => {
    if (skip) return;
    database = await createTestDatabase();
    plant = await insertSmallPlant(database, 3);
    if (backend === 'redis') redis = await startRedis();
    analytics = await startAnalytics(database.url, redis?.url);
  });
  afterAll(async () => {
    if (skip) return;
    const code = await analytics.stop();
    await redis?.stop();
    if (code !== 0) throw new Error(`Analytics ended with ${code} instead of 0.`);
  });

  /** One second of a running machine; `vibration` is its reading. */
  async function tick(machine: number, vibration: number, at: number): Promise<void> {
    const signals = plant.machines[machine]?.signals ?? {};
    const time_us = Math.round(at) * 1000;
    const value: Record<string, number> = {
      state: 6,
      good: at / 1000,
      reject: 0,
      fault: 0,
      temperature: 50,
      vibration,
      pressure: 50,
      current: 50,
      voltage: 50,
      torque: 50,
    };
    await storeReadings(
      database,
      Object.entries(value).map(([name, reading]) => ({ signal_id: signals[name] ?? 0, time_us, value: reading })),
    );
  }

  const orders = () =>
    database.query<{
      machine_id: number;
      failure_mode: string;
      state: string;
      priority: number;
      condition: string;
      evidence: { summary: string; symptoms: unknown[]; alarms: unknown[]; trend: unknown[] };
    }>('select machine_id, failure_mode, state, priority, condition, evidence from work_order order by 1');

  it.skipIf(skip)('turns a limit passed into exactly one work order within ten seconds', async () => {
    const start = now() - 60_000;
    // The highest limit is watched always; the machine need not have run for long.
    for (let second = 0; second < 5; second++) await tick(0, 50, start + second * 1000);
    const raised = performance.now();
    for (let second = 5; second < 10; second++) await tick(0, 95, start + second * 1000);
    const [order] = await waitUntil('a work order is there', async () => {
      const rows = await orders();
      return rows.length > 0 && rows;
    });
    expect(performance.now() - raised).toBeLessThan(10_000);
    expect(order).toMatchObject({
      machine_id: plant.machines[0]?.machine_id,
      failure_mode: 'bearing',
      state: 'proposed',
      condition: 'active',
    });
    expect(order?.evidence.alarms).toHaveLength(1);
    expect(order?.evidence.symptoms).toHaveLength(1);
    expect(order?.evidence.summary).toBe('Vibration is 95, above its limit; this looks like bearing damage.');
    expect(order?.evidence.trend.length).toBeGreaterThan(0);

    // More of the same fault does not make another order.
    for (let second = 10; second < 40; second++) await tick(0, second % 2 === 0 ? 99 : 60, start + second * 1000);
    await waitUntil('every alarm has been diagnosed', async () => {
      const [row] = await database.query<{ alarms: number; joined: number }>(
        `select count(*) as alarms, count(*) filter (where exists (select 1 from fault f where a.alarm_id = any(f.alarm_ids))) as joined from alarm a
          where returned_at is null or not exists (select 1 from alarm b where b.returned_at is null and b.machine_id = a.machine_id)`,
      );
      return row !== undefined && row.alarms === row.joined;
    });
    expect(await orders()).toHaveLength(1);
  });

  it.skipIf(skip)(
    'turns the fault code of a controller into one work order, and ends its condition when the code goes',
    async () => {
      const machine = plant.machines[1];
      const start = now() - 30_000;
      const say = (at: number, code: number) =>
        storeReadings(database, [
          { signal_id: machine?.signals['state'] ?? 0, time_us: Math.round(at) * 1000, value: code === 0 ? 4 : 9 },
          { signal_id: machine?.signals['fault'] ?? 0, time_us: Math.round(at) * 1000, value: code },
        ]);
      await say(start, 0);
      await say(start + 1000, 401);
      await say(start + 2000, 401);
      const found = () => orders().then((rows) => rows.filter((row) => row.machine_id === machine?.machine_id));
      await waitUntil('the order is there', async () => (await found()).length === 1);
      expect((await found())[0]).toMatchObject({ failure_mode: 'electrical', condition: 'active' });
      await say(start + 3000, 0);
      await waitUntil('the condition is cleared', async () => (await found())[0]?.condition === 'cleared', {
        limitMs: 20_000,
      });
      expect((await found())[0]?.state).toBe('proposed');
    },
  );

  it.skipIf(skip)('keeps states, OEE and progress up to date', async () => {
    const [slice] = await waitUntil('a slice is computed', async () => {
      const rows = await database.query<{ running_seconds: number; planned_seconds: number }>(
        // The top of an hour may cut the minute into two slices.
        `select sum(running_seconds) as running_seconds, sum(planned_seconds) as planned_seconds
           from oee_slice where machine_id = $1`,
        [plant.machines[0]?.machine_id],
      );
      return (rows[0]?.running_seconds ?? 0) > 30 && rows;
    });
    expect(slice?.running_seconds).toBeGreaterThan(30);
    expect(slice?.planned_seconds).toBeGreaterThanOrEqual(slice?.running_seconds ?? 0);
  });
});
