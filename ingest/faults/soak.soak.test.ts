import { readFileSync } from 'node:fs';
import { expect, onTestFinished, test } from 'vitest';
import { monotonic, pause } from '../../core/clock.ts';
import { waitUntil } from '../../core/testing/wait-until.ts';
import { startBrokerProcess } from './testing/broker-process.ts';
import { openFaultStage } from './testing/fault-stage.ts';
import { hostileMessages } from './testing/hostile-messages.ts';
import { startKillablePostgres } from './testing/killable-postgres.ts';
import { startRoom } from './testing/room.ts';
import { readBooks } from './testing/stored.ts';

// `SOAK_KILLS=20 SOAK_MINUTES=1 npm run test:soak` is the short version; without them it takes some two hours.
const kills = Number(process.env['SOAK_KILLS'] ?? 100);
const minutes = Number(process.env['SOAK_MINUTES'] ?? 60);
const databaseAwayMs = Math.min(10, minutes) * 60_000;
const malformed = Math.round(100_000 * Math.min(1, minutes / 10));
const addresses = Math.round(10_000 * Math.min(1, minutes / 10));

/** Seeded, so that the same parts die in the same order. */
function createRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

test(`kill -9 ${kills} times: ingest, analytics, api, database and broker at random under load`, async () => {
  const random = createRandom(1781);
  const postgres = await startKillablePostgres();
  onTestFinished(() => postgres.close());
  const broker = await startBrokerProcess();
  const stage = await openFaultStage('postgres', { broker, database: postgres.database });
  await stage.start();
  const roomSettings = { ...stage.settings, DATABASE_URL: postgres.database.url, HTTP_PORT: '0' };
  const analytics = await startRoom('analytics/main.ts', roomSettings);
  onTestFinished(() => analytics.kill());
  const api = await startRoom('api/main.ts', roomSettings);
  onTestFinished(() => api.kill());
  const counts = { ingest: 0, analytics: 0, api: 0, database: 0, broker: 0 };
  const names = ['ingest', 'analytics', 'api', 'database', 'broker'] as const;
  let ended = false;
  const publishing = (async () => {
    while (!ended) await stage.publisher.publish(200);
  })();
  for (let kill = 0; kill < kills; kill++) {
    await pause(100 + random() * 900);
    const name = names[Math.floor(random() * names.length)] ?? 'ingest';
    counts[name]++;
    if (name === 'ingest') {
      await stage.ingest.stop('SIGKILL');
      await stage.start();
    } else if (name === 'database') {
      await postgres.kill();
      await postgres.start();
      // A room that starts on a server that still recovers ends with a sentence; its supervisor would start it again.
      await waitUntil('the database answers', async () => (await postgres.database.query('select 1')).length === 1, {
        limitMs: 60_000,
      });
    } else {
      const room = { analytics, api, broker }[name];
      await room.kill();
      await room.start();
    }
  }
  ended = true;
  await publishing;
  await stage.expectNothingLostAndNothingTwice(`kill -9 at random: ${JSON.stringify(counts)}`, kills, 180_000);
  await waitUntil(
    'analytics has read the whole feed',
    async () => {
      const [row] = await postgres.database.query<{ behind: number }>(
        'select count(*) as behind from gateway g left join analytics_cursor c using (gateway_id) where c.sequence is distinct from g.last_sequence',
      );
      return row?.behind === 0;
    },
    { limitMs: 120_000, everyMs: 200 },
  );
});

test(`the database is away for ${databaseAwayMs / 60_000} minutes under load`, async () => {
  const stage = await openFaultStage('postgres');
  await stage.start();
  await stage.publisher.publish(1000);
  await stage.connectionsMayOpen(false);
  const awayAt = monotonic();
  while (monotonic() - awayAt < databaseAwayMs) await stage.publisher.publish(200);
  await stage.connectionsMayOpen(true);
  await stage.expectNothingLostAndNothingTwice(`database away for ${databaseAwayMs / 60_000} min`, 1, 300_000);
  expect(stage.ingest.process.exitCode).toBeNull();
});

test(`${malformed} malformed messages, ${addresses} unknown addresses, ${minutes} minutes of memory`, async () => {
  const stage = await openFaultStage('postgres');
  await stage.start();
  const resident = (): number =>
    Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${stage.ingest.process.pid}/status`, 'utf8'))?.[1] ?? 0) / 1024;
  const startedAt = monotonic();
  for (const group of hostileMessages('millrace', malformed, 500)) {
    await Promise.all(group.map(({ topic, payload }) => stage.publisher.publishBytes(topic, payload)));
    await stage.publisher.publish(50);
  }
  for (let address = 0; address < addresses; address += 500) {
    await Promise.all(
      Array.from({ length: 500 }, (_, index) =>
        stage.publisher.publishBytes(
          `millrace/berlin/line-01/m-001/unknown-${address + index}`,
          Buffer.from('{"ts": 1772352930000, "value": 1}'),
        ),
      ),
    );
  }
  const settled = resident();
  let peak = settled;
  while (monotonic() - startedAt < minutes * 60_000) {
    await stage.publisher.publish(500);
    peak = Math.max(peak, resident());
  }
  await stage.expectNothingLostAndNothingTwice(
    `${malformed} malformed, ${addresses} unknown, ${minutes} min`,
    1,
    300_000,
  );
  expect((await readBooks(stage.database)).rejected).toBeGreaterThan(malformed * 0.9);
  expect(stage.ingest.process.exitCode).toBeNull();
  // Garbage collection swings by some hundred megabytes; a leak of a byte for each reading would pass this in an hour.
  expect(peak).toBeLessThan(settled + 300);
});
