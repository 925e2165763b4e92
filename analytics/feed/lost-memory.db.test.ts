import { beforeAll, expect, it } from 'vitest';
import { silentLog } from '../../core/log.ts';
import { createTestDatabase, type TestDatabase } from '../../core/testing/database.ts';
import { storeReadings } from '../../core/testing/store-readings.ts';
import { insertSmallPlant } from '../testing/small-plant.ts';
import { createFollower } from './follow-feed.ts';

const startUs = Math.floor(performance.timeOrigin - 20 * 60_000) * 1000;
let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
});

it.each(['signals', 'anomaly', 'machines'])('goes on when what it remembered of %s cannot be read', async (part) => {
  const plant = await insertSmallPlant(database, 1, part);
  const { temperature = 0, state = 0 } = plant.machines[0]?.signals ?? {};
  const follow = () => createFollower({ database, log: silentLog, urgentMs: 0, idleMs: 0, recomputeAfterMs: 0 });
  const say = (second: number, value: number) =>
    storeReadings(database, [
      { signal_id: state, time_us: startUs + second * 1e6, value: 6 },
      { signal_id: temperature, time_us: startUs + second * 1e6, value },
    ]);
  for (let second = 0; second < 5; second++) await say(second, 95);
  await follow().drain(true);
  const alarms = () =>
    database.query<{ kind: string; returned: boolean }>(
      `select kind, returned_at is not null as returned from alarm where machine_id = $1 and kind = 'limit_high_high'`,
      [plant.machines[0]?.machine_id],
    );
  expect(await alarms()).toEqual([{ kind: 'limit_high_high', returned: false }]);

  // What another version wrote: deflated without a version.
  await database.query(`update analytics_memory set memory = '\\x4b4c4a'::bytea where part = $1`, [part]);
  for (let second = 5; second < 10; second++) await say(second, 50);
  const follower = follow();
  await follower.drain(true);
  expect(await alarms()).toEqual([{ kind: 'limit_high_high', returned: true }]);
  await follow().drain(true);
});
