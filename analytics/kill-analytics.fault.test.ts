import { expect, it } from 'vitest';
import { silentLog } from '../core/log.ts';
import { createTestDatabase, type TestDatabase } from '../core/testing/database.ts';
import { storeReadings } from '../core/testing/store-readings.ts';
import { waitUntil } from '../core/testing/wait-until.ts';
import { createFollower } from './feed/follow-feed.ts';
import { createRandom, makeReadings, readOutcome } from './testing/make-readings.ts';
import { insertSmallPlant, type SmallPlant } from './testing/small-plant.ts';
import { startAnalytics } from './testing/start-analytics.ts';

/** A full minute about half an hour ago. */
const startUs = Math.floor(performance.timeOrigin / 60_000 - 30) * 60_000_000;

/** Batches of the same readings for both databases, some rows late. */
async function makeBatches(database: TestDatabase, plant: SmallPlant) {
  const random = createRandom(23);
  const readings = await makeReadings(database, plant, startUs);
  const arriving = readings
    .map((reading) => ({ reading, at: reading.time_us + (random() < 0.05 ? 200e6 : 0) }))
    .toSorted((a, b) => a.at - b.at)
    .map(({ reading }) => reading);
  return Array.from({ length: Math.ceil(arriving.length / 250) }, (_, index) =>
    arriving.slice(index * 250, (index + 1) * 250),
  );
}

it('killed again and again, analytics derives what it derives undisturbed', async () => {
  const calm = await createTestDatabase();
  const calmPlant = await insertSmallPlant(calm, 2);
  const follower = createFollower({ database: calm, log: silentLog, urgentMs: 0, idleMs: 0, recomputeAfterMs: 0 });
  for (const batch of await makeBatches(calm, calmPlant)) await storeReadings(calm, batch);
  await waitUntil('everything is recomputed', async () => {
    await follower.drain(true);
    const [row] = await calm.query<{ open: number }>('select count(*) as open from machine_recompute');
    return row?.open === 0;
  });
  const expected = await readOutcome(calm, calmPlant, startUs);
  expect(expected.states.length).toBeGreaterThan(10);
  expect(expected.alarms.length).toBeGreaterThan(2);

  const database = await createTestDatabase();
  const plant = await insertSmallPlant(database, 2);
  const random = createRandom(3);
  let analytics = await startAnalytics(database.url);
  for (const batch of await makeBatches(database, plant)) {
    await storeReadings(database, batch);
    if (random() > 0.2) continue;
    // Between two batches, or a moment into the next ones: wherever it happens to be.
    await analytics.kill();
    analytics = await startAnalytics(database.url);
  }
  await waitUntil(
    'the process has caught up and nothing is left to compute',
    async () => {
      const [row] = await database.query<{ behind: number; open: number }>(
        `select (select count(*) from gateway g left join analytics_cursor c using (gateway_id) where c.sequence is distinct from g.last_sequence) as behind,
                (select count(*) from machine_recompute) as open`,
      );
      return row?.behind === 0 && row.open === 0;
    },
    { limitMs: 60_000 },
  );
  const found = await readOutcome(database, plant, startUs);
  const [orders] = await database.query<{ most: number }>(
    'select max(orders) as most from (select count(*) as orders from work_order group by machine_id, failure_mode) o',
  );
  expect(await analytics.stop()).toBe(0);
  // The follower of the calm run never waits long enough to draw the silence after the last reading; the process does.
  const withoutLastSilence = (states: unknown[]) =>
    states.filter((row) => (row as { ended: number | null }).ended !== null);
  const closedBefore = withoutLastSilence(expected.states).length;
  expect(withoutLastSilence(found.states).slice(0, closedBefore)).toEqual(withoutLastSilence(expected.states));
  expect(found.minutes).toEqual(expected.minutes);
  expect(found.alarms).toEqual(expected.alarms);
  expect(orders?.most ?? 1).toBe(1);
});
