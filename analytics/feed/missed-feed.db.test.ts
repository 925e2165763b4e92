import { beforeAll, describe, expect, it } from 'vitest';
import { silentLog } from '../../core/log.ts';
import { createTestDatabase, type TestDatabase, testEngines } from '../../core/testing/database.ts';
import { storeReadings } from '../../core/testing/store-readings.ts';
import { makeReadings, readOutcome } from '../testing/make-readings.ts';
import { insertSmallPlant } from '../testing/small-plant.ts';
import { createFollower, type Follower } from './follow-feed.ts';
import { pruneFeed } from './prune-feed.ts';

const startUs = Math.floor(performance.timeOrigin / 60_000 - 25) * 60_000_000;

describe.each(testEngines())('the feed on %s', (engine) => {
  let database: TestDatabase;
  beforeAll(async () => {
    database = await createTestDatabase(engine);
  });
  const follow = (): Follower =>
    createFollower({ database, log: silentLog, urgentMs: 0, idleMs: 0, recomputeAfterMs: 0 });
  const age = (hours: number) =>
    database.query(`update reading_batch set stored_at = stored_at - $1 * interval '1 hour'`, [hours]);
  const batches = async () => (await database.query('select 1 from reading_batch')).length;

  it('is pruned after an hour when all have passed it, and after a day in any case', async () => {
    const plant = await insertSmallPlant(database, 1, `pruned ${engine}`);
    const signal = plant.machines[0]?.signals['state'] ?? 0;
    const follower = follow();
    await storeReadings(database, [{ signal_id: signal, time_us: startUs, value: 6 }]);
    await follower.drain(true);
    await storeReadings(database, [{ signal_id: signal, time_us: startUs + 1e6, value: 6 }]);
    expect(await pruneFeed(database)).toBe(0);
    await age(2);
    expect(await pruneFeed(database)).toBe(1);
    expect(await batches()).toBe(1);
    await age(23);
    expect(await pruneFeed(database)).toBe(1);
    expect(await batches()).toBe(0);
    expect(await database.query('select sequence from feed_horizon')).toEqual([{ sequence: 2 }]);
  });

  it('missed is rebuilt from the readings, as if it had been followed', async () => {
    const followed = await insertSmallPlant(database, 2, `followed ${engine}`);
    const readings = await makeReadings(database, followed, startUs, 4);
    let follower = follow();
    await storeReadings(database, readings);
    await follower.drain(true);
    for (let round = 0; round < 3; round++) await follower.drain(true);
    const expected = await readOutcome(database, followed, startUs);

    const missed = await insertSmallPlant(database, 2, `missed ${engine}`);
    const again = await makeReadings(database, missed, startUs, 4);
    const third = Math.floor(again.length / 3);
    follower = follow();
    await storeReadings(database, again.slice(0, third));
    await follower.drain(true);
    // Analytics ends; what is stored now leaves the feed before it is back.
    await storeReadings(database, again.slice(third, 2 * third));
    await database.query(
      `with gone as (delete from reading_batch returning gateway_id, sequence)
       update feed_horizon h set sequence = gone.sequence, stored_at = clock_timestamp() from (select gateway_id, max(sequence) as sequence from gone group by 1) gone
        where h.gateway_id = gone.gateway_id`,
    );
    await storeReadings(database, again.slice(2 * third));
    follower = follow();
    for (let round = 0; round < 5; round++) await follower.drain(true);
    expect(await database.query('select 1 from machine_recompute')).toEqual([]);
    const { states, minutes } = await readOutcome(database, missed, startUs);
    expect({ states, minutes }).toEqual({ states: expected.states, minutes: expected.minutes });
  });
});
