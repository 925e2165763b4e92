import { describeDatabaseFailure } from '../core/database-failure.ts';
import { openDatabase } from '../core/database.ts';
import { createLog } from '../core/log.ts';
import { readSettings, requireSetting, SettingsError } from '../core/settings.ts';
import { createShutdown } from '../core/shutdown.ts';
import { buildApp } from './app.ts';
import { ensureAdministrator } from './auth/administrator.ts';
import { listen, StartError } from './server.ts';

/** Starts the API: settings, database, administrator, server. */
async function main(): Promise<void> {
  const settings = readSettings();
  const url = requireSetting(settings, 'DATABASE_URL');
  const log = createLog('api', settings.LOG_LEVEL);
  const shutdown = createShutdown(log);
  const database = openDatabase({ url, name: 'millrace api', log, maxConnections: 10 });
  shutdown.add('database', () => database.close());
  await ensureAdministrator(database, settings, log);
  const app = await buildApp({ settings, database, log });
  shutdown.add('server', () => app.close());
  const address = await listen(app, settings.HTTP_HOST, settings.HTTP_PORT);
  log.info({ address }, 'ready');
  process.send?.({ ready: true, detail: address });
}

main().catch((error: unknown) => {
  const isExpected = error instanceof SettingsError || error instanceof StartError;
  const sentence = isExpected ? error.message : describeDatabaseFailure(error);
  process.stderr.write(`${sentence ?? String((error as Error).stack ?? error)}\n`);
  process.exit(1);
});
