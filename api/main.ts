import { openDatabase } from '../core/database.ts';
import { createLog } from '../core/log.ts';
import { retryRule } from '../core/retry.ts';
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
  await ensureAdministrator(database, settings, log).catch((error: unknown) => {
    throw toStartError(error, url);
  });
  const app = await buildApp({ settings, database, log });
  shutdown.add('server', () => app.close());
  const address = await listen(app, settings.HTTP_HOST, settings.HTTP_PORT);
  log.info({ address }, 'ready');
  process.send?.({ ready: true, detail: address });
}

function toStartError(error: unknown, url: string): unknown {
  const { code } = error as { code?: unknown };
  const { host, pathname } = new URL(url);
  if (code === '42P01')
    return new StartError(`The database ${pathname.slice(1)} is not migrated; run npm run migrate.`, { cause: error });
  if (code === '28P01' || code === '28000')
    return new StartError(`The database at ${host} refused the login; check DATABASE_URL.`, { cause: error });
  if (code === '3D000')
    return new StartError(`The database server at ${host} has no database ${pathname.slice(1)}; check DATABASE_URL.`, {
      cause: error,
    });
  if (retryRule(error) === undefined) return error;
  return new StartError(`The database at ${host} cannot be reached; check DATABASE_URL and that the server runs.`, {
    cause: error,
  });
}

main().catch((error: unknown) => {
  const isExpected = error instanceof SettingsError || error instanceof StartError;
  process.stderr.write(`${isExpected ? error.message : String((error as Error).stack ?? error)}\n`);
  process.exit(1);
});
