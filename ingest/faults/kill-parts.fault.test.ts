import { describe, expect, onTestFinished, test } from 'vitest';
import { pause } from '../../core/clock.ts';
import type { Database } from '../../core/database.ts';
import { testEngines } from '../../core/testing/database.ts';
import { waitUntil } from '../../core/testing/wait-until.ts';
import { openFaultStage } from './testing/fault-stage.ts';
import { startKillableDatabase } from './testing/killable-database.ts';
import { hasRedis, startKillableRedis } from './testing/killable-redis.ts';
import { startRoom } from '../../core/testing/room.ts';

/** Analytics has read the feed to its end. */
async function expectFeedRead(database: Database): Promise<void> {
  await waitUntil(
    'analytics has read the whole feed',
    async () => {
      const [row] = await database.query<{ behind: number }>(
        'select count(*) as behind from gateway g left join analytics_cursor c using (gateway_id) where c.sequence is distinct from g.last_sequence',
      );
      return row?.behind === 0;
    },
    { limitMs: 60_000, everyMs: 100 },
  );
}

// The parts beside ingest: none of them stands between a reading's acknowledgement and the database, and so it must be.
describe.each(testEngines())('on %s, killed with -9 under load:', (engine) => {
  test.each(['analytics', 'api'])('%s', async (name) => {
    const stage = await openFaultStage(engine);
    await stage.start();
    const room = await startRoom(`${name}/main.ts`, { ...stage.settings, HTTP_PORT: '0' });
    onTestFinished(() => room.kill());
    stage.watchMemory(() => room.pid);
    await stage.publishDuring(async () => {
      for (let kills = 0; kills < 3; kills++) {
        await pause(300 + 200 * kills);
        await room.kill();
        await room.start();
      }
    });
    await stage.expectNothingLostAndNothingTwice(`${name} killed with -9 under load`, 3);
    // The API says where it listens, analytics what it does.
    if (name === 'analytics') await expectFeedRead(stage.database);
    else await waitUntil('the API answers', async () => (await fetch(`${room.detail}/health/live`)).ok);
  });

  test('the database', async (context) => {
    const server = await startKillableDatabase(engine);
    if (server === undefined) return context.skip('the programs of the TimescaleDB server are not on this machine');
    onTestFinished(() => server.close());
    const stage = await openFaultStage(engine, { database: server.database });
    await stage.start();
    await stage.publishDuring(async () => {
      for (let kills = 0; kills < 2; kills++) {
        await pause(500 + 300 * kills);
        await server.kill();
        await server.start();
      }
      await pause(300);
    });
    await stage.expectNothingLostAndNothingTwice('the database killed with -9 under load', 2);
    expect(stage.ingest.process.exitCode).toBeNull();
  });

  test.skipIf(!hasRedis)(`Redis${hasRedis ? '' : ' (skipped: redis-server is not installed)'}`, async () => {
    const redis = await startKillableRedis();
    onTestFinished(() => redis.close());
    const stage = await openFaultStage(engine, { settings: { REDIS_URL: redis.url } });
    await stage.start();
    const analytics = await startRoom('analytics/main.ts', stage.settings);
    onTestFinished(() => analytics.kill());
    stage.watchMemory(() => analytics.pid);
    await stage.publishDuring(async () => {
      for (let kills = 0; kills < 3; kills++) {
        await pause(300 + 200 * kills);
        await redis.kill();
        await pause(200 * kills);
        await redis.start();
      }
    });
    await stage.expectNothingLostAndNothingTwice('Redis killed with -9 under load', 3);
    await expectFeedRead(stage.database);
    expect(stage.ingest.process.exitCode).toBeNull();
  });
});
