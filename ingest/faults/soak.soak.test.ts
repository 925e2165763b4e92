import { describe, expect, onTestFinished, test } from 'vitest';
import { monotonic, pause } from '../../core/clock.ts';
import { testEngines } from '../../core/testing/database.ts';
import { waitUntil } from '../../core/testing/wait-until.ts';
import { startBrokerProcess } from './testing/broker-process.ts';
import { openFaultStage, residentMegabytes } from './testing/fault-stage.ts';
import { startKillableDatabase } from './testing/killable-database.ts';
import { hasRedis, startKillableRedis } from './testing/killable-redis.ts';
import { startRoom } from '../../core/testing/room.ts';

// `SOAK_KILLS=20 SOAK_MINUTES=1 npm run test:soak` is the short version; without them it takes some 80 minutes an engine.
const kills = Number(process.env['SOAK_KILLS'] ?? 100);
const minutes = Number(process.env['SOAK_MINUTES'] ?? 60);
const awayMinutes = Math.min(10, minutes);

/** Some 750 readings a second: all of an hour's must fit into the memory of the test, which compares them. */
const calmMs = 250;

/** Seeded, so that the same parts die in the same order. */
function createRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

/** Least squares over all of them, in units of y an x. */
function slopeOf(points: readonly { x: number; y: number }[]): number {
  const meanX = points.reduce((sum, { x }) => sum + x, 0) / points.length;
  const meanY = points.reduce((sum, { y }) => sum + y, 0) / points.length;
  const spread = points.reduce((sum, { x }) => sum + (x - meanX) ** 2, 0);
  return points.reduce((sum, { x, y }) => sum + (x - meanX) * (y - meanY), 0) / spread;
}

describe.each(testEngines())('on %s', (engine) => {
  test(`kill -9 ${kills} times: every part at random under load`, async (context) => {
    const random = createRandom(1781);
    const server = await startKillableDatabase(engine);
    if (server === undefined) return context.skip('the programs of the TimescaleDB server are not on this machine');
    onTestFinished(() => server.close());
    const broker = await startBrokerProcess();
    const redis = hasRedis ? await startKillableRedis() : undefined;
    onTestFinished(() => redis?.close());
    const stage = await openFaultStage(engine, {
      broker,
      database: server.database,
      settings: redis === undefined ? {} : { REDIS_URL: redis.url },
    });
    await stage.start();
    const roomSettings = { ...stage.settings, DATABASE_URL: server.database.url, HTTP_PORT: '0' };
    const analytics = await startRoom('analytics/main.ts', roomSettings);
    onTestFinished(() => analytics.kill());
    const api = await startRoom('api/main.ts', roomSettings);
    onTestFinished(() => api.kill());
    for (const { pid } of [broker, analytics, api].map((part) => ({ pid: () => part.pid }))) stage.watchMemory(pid);
    const ingest = { kill: () => stage.ingest.stop('SIGKILL'), start: () => stage.start() };
    const parts = Object.entries({ ingest, analytics, api, database: server, broker, ...(redis && { redis }) });
    const counts: Record<string, number> = {};
    await stage.publishDuring(async () => {
      for (let kill = 0; kill < kills; kill++) {
        await pause(100 + random() * 900);
        const [name, part] = parts[Math.floor(random() * parts.length)] ?? (['ingest', ingest] as const);
        counts[name] = (counts[name] ?? 0) + 1;
        await part.kill();
        await part.start();
      }
    });
    const each = Object.entries(counts).map(([name, count]) => `${name} ${count}`);
    await stage.expectNothingLostAndNothingTwice(`kill -9 at random: ${each.join(', ')}`, kills, 180_000);
    await waitUntil(
      'analytics has read the whole feed',
      async () => {
        const [row] = await server.database.query<{ behind: number }>(
          'select count(*) as behind from gateway g left join analytics_cursor c using (gateway_id) where c.sequence is distinct from g.last_sequence',
        );
        return row?.behind === 0;
      },
      { limitMs: 120_000, everyMs: 200 },
    );
  });

  test(`the database is away for ${awayMinutes} minutes under load`, async () => {
    const stage = await openFaultStage(engine);
    await stage.start();
    await stage.publisher.publish(1000);
    await stage.connectionsMayOpen(false);
    await stage.publishDuring(() => pause(awayMinutes * 60_000), calmMs);
    await stage.connectionsMayOpen(true);
    await stage.expectNothingLostAndNothingTwice(`database away for ${awayMinutes} min`, 1, 300_000);
    expect(stage.ingest.process.exitCode).toBeNull();
  });

  test(`${minutes} minutes of memory: ingest, analytics and broker under load`, async () => {
    const broker = await startBrokerProcess();
    const stage = await openFaultStage(engine, { broker });
    await stage.start();
    const analytics = await startRoom('analytics/main.ts', stage.settings);
    onTestFinished(() => analytics.kill());
    const parts = { ingest: stage.ingest.process, analytics, broker };
    for (const part of [analytics, broker]) stage.watchMemory(() => part.pid);
    const series: Record<string, { x: number; y: number }[]> = { ingest: [], analytics: [], broker: [] };
    const startedAt = monotonic();
    let elapsed = 0;
    await stage.publishDuring(async () => {
      for (; elapsed < minutes; elapsed = (monotonic() - startedAt) / 60_000) {
        for (const [name, { pid }] of Object.entries(parts))
          series[name]?.push({ x: elapsed, y: residentMegabytes(pid) });
        await pause(1000);
      }
    }, calmMs);
    // A start fills heaps and caches; the second half tells whether it goes on.
    const found = Object.entries(series).map(([name, points]) => {
      const late = points.filter(({ x }) => x > minutes / 2);
      const last = late.at(-1)?.y ?? 0;
      return { name, last, slope: slopeOf(late) };
    });
    const told = found.map(({ name, last, slope }) => `${name} ${last.toFixed(0)} MB ${slope.toFixed(2)} MB/min`);
    await stage.expectNothingLostAndNothingTwice(`${minutes} min of memory: ${told.join(', ')}`, 1, 300_000);
    // Garbage collection swings by some tens of megabytes, which a short run cannot tell from growth.
    for (const { name, slope } of found) expect(slope * minutes, `${name}: ${told.join(', ')}`).toBeLessThan(150);
  });
});
