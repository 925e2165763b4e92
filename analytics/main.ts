import { showAlive } from '../core/alive.ts';
import { now } from '../core/clock.ts';
import { describeDatabaseFailure } from '../core/database-failure.ts';
import { openDatabase } from '../core/database.ts';
import { createLog } from '../core/log.ts';
import { openQueues } from '../core/queues.ts';
import { readSettings, requireSetting, SettingsError } from '../core/settings.ts';
import { createShutdown } from '../core/shutdown.ts';
import { answerQueues } from './answer-queues.ts';
import { watchBooks } from './books/watch-books.ts';
import { createFollower } from './feed/follow-feed.ts';
import { loadPlant, plantChangedChannel } from './plant.ts';

/** Joins the parts: feed → states, counts, alarms, anomalies → diagnosis → work orders; OEE, reliability and rollups beside. */
async function main(): Promise<void> {
  const settings = readSettings();
  const databaseUrl = requireSetting(settings, 'DATABASE_URL');
  const log = createLog('analytics', settings.LOG_LEVEL);
  const shutdown = createShutdown(log);
  // Compiling the OEE statement took 4 s on a server with JIT on, running it takes milliseconds.
  const onConnect = 'set jit = off';
  const database = openDatabase({ url: databaseUrl, name: 'millrace analytics', log, maxConnections: 6, onConnect });
  shutdown.add('database', () => database.close());
  const plant = await loadPlant(database);

  const follower = createFollower({ database, log });
  const queues = openQueues({ databaseUrl, redisUrl: settings.REDIS_URL, log });
  shutdown.add('last checkpoint', async () => {
    await follower.drain(true);
  });
  shutdown.add('queues', () => queues.close());
  let plantVersion = 0;
  const onPlantChanged = (): void => {
    plantVersion++;
    follower.plantChanged();
  };
  const listening = database.listen(plantChangedChannel, onPlantChanged, shutdown.signal);
  shutdown.add('plant changes', () => listening);
  const { RAW_RETENTION_DAYS: rawRetentionDays } = settings;
  answerQueues({ database, queues, follower, clock: now, log, rawRetentionDays, plantVersion: () => plantVersion });

  const books = watchBooks(database, log);
  shutdown.add('books', () => books.close());
  const detail = `${plant.machines.length} machines, ${plant.signals.length} signals`;
  log.info({ detail }, 'ready');
  shutdown.add('alive', showAlive(settings.DATA_DIR, 'analytics'));
  process.send?.({ ready: true, detail });
}

try {
  await main();
} catch (error) {
  const message = error instanceof Error ? error.message : String(error);
  const sentence = error instanceof SettingsError ? message : describeDatabaseFailure(error);
  process.stderr.write(`${sentence ?? `Analytics cannot start: ${message}`}\n`);
  process.exit(1);
}
