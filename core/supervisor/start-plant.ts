import { join } from 'node:path';
import { pause } from '../clock.ts';
import { openDatabase } from '../database.ts';
import { startEmbeddedPostgres } from '../embedded/postgres.ts';
import { createLog } from '../log.ts';
import { requireRedis } from '../queues.ts';
import { tellRunning } from '../running.ts';
import type { Settings } from '../settings.ts';
import type { Shutdown } from '../shutdown.ts';
import { stablePort } from './ports.ts';
import { adminPassword, claimDataDir, requireFreePort, requireReachable } from './preflight.ts';
import type { Report } from './report.ts';
import { runToEnd, startRoom, type RoomProcess } from './room-process.ts';
import { isWebBuildStale } from './web-build.ts';

interface Start {
  settings: Settings;
  /** The project's folder. */
  root: string;
  report: Report;
  shutdown: Shutdown;
}

/**
 * Starts every part in order and returns when values arrive. What the settings name (a database, Redis, a broker, OPC UA
 * servers) is used and checked; what they leave out is started embedded. Throws one sentence when something cannot start.
 */
export async function startPlant({ settings, root, report, shutdown }: Start): Promise<void> {
  const logDir = join(settings.DATA_DIR, 'logs');
  shutdown.add('data folder', claimDataDir(settings.DATA_DIR));
  await checkSettings(settings, report);
  const password = adminPassword(settings.ADMIN_PASSWORD, settings.DATA_DIR);
  const environment: Record<string, string> = { DATA_DIR: settings.DATA_DIR, ADMIN_PASSWORD: password };
  const common = { environment, root, logDir };

  async function room(name: string, main: string, parameters: string[] = []): Promise<string> {
    const started: RoomProcess = await startRoom({
      ...common,
      name,
      main,
      parameters,
      readyWithinMs: 60_000,
      tell: report.say,
    });
    shutdown.add(name, () => started.stop(6000));
    return started.detail;
  }

  const building = buildPage(root, logDir);
  // Awaited below; a failure before that must not count as unhandled.
  building.catch(() => undefined);

  await report.step('database', async () => {
    const url = settings.DATABASE_URL ?? (await startDatabase({ settings, report, shutdown }));
    environment['DATABASE_URL'] = url;
    return describeDatabase(url);
  });
  if (settings.MQTT_URL === undefined) {
    environment['MQTT_URL'] = `mqtt://127.0.0.1:${await stablePort(settings.DATA_DIR, 'broker')}`;
    await report.step('broker', () => room('broker', 'core/embedded/broker-main.ts'));
  }
  await report.step('migrations', async () => {
    await runToEnd({ ...common, name: 'migrations', main: 'migrations/main.ts' });
    return 'schema is up to date';
  });
  const simulate = settings.SIMULATE === 'on';
  if (simulate) {
    await report.step('plant', async () =>
      (
        await runToEnd({
          ...common,
          name: 'plant',
          main: 'core/plant/main.ts',
          parameters: ['reference', '--if-empty'],
        })
      ).trim(),
    );
  }
  const simulators: string[] = [];
  if (simulate && settings.OPCUA_URLS === undefined)
    environment['OPCUA_URLS'] = `opc.tcp://127.0.0.1:${await stablePort(settings.DATA_DIR, 'opcua')}`;
  if (simulate && settings.OPCUA_URLS !== undefined) simulators.push('--only', 'mqtt,sparkplug');

  let address = '';
  // The simulators follow ingest: what is published before ingest's first subscription reaches nobody, and then the books
  // would not hold what the simulators say they sent.
  async function receiveAndSimulate(): Promise<void> {
    await report.step('ingest', () => room('ingest', 'ingest/main.ts'));
    if (simulate) await report.step('simulators', () => room('simulators', 'simulators/main.ts', simulators));
  }
  await Promise.all([
    receiveAndSimulate(),
    report.step('analytics', () => room('analytics', 'analytics/main.ts')),
    report.step('api', async () => {
      await building;
      address = await room('api', 'api/main.ts');
      return address;
    }),
  ]);
  const servers =
    settings.OPCUA_URLS ?? (environment['OPCUA_URLS'] === undefined ? undefined : [environment['OPCUA_URLS']]);
  const remove = tellRunning(settings.DATA_DIR, {
    supervisor_pid: process.pid,
    DATABASE_URL: environment['DATABASE_URL'] ?? '',
    MQTT_URL: settings.MQTT_URL ?? environment['MQTT_URL'] ?? '',
    ...(servers === undefined ? {} : { OPCUA_URLS: servers }),
    ...(settings.REDIS_URL === undefined ? {} : { REDIS_URL: settings.REDIS_URL }),
    http_address: address,
  });
  shutdown.add('addresses for commands', remove);
  await sayWhere(
    { settings, report, shutdown },
    { address, url: environment['DATABASE_URL'] ?? '', password, simulate },
  );
}

async function checkSettings(settings: Settings, report: Report): Promise<void> {
  await requireFreePort(settings.HTTP_HOST, settings.HTTP_PORT, 'HTTP_PORT');
  if (settings.DATABASE_URL !== undefined) await requireReachable('DATABASE_URL', settings.DATABASE_URL, 5432);
  if (settings.REDIS_URL !== undefined) {
    await requireReachable('REDIS_URL', settings.REDIS_URL, 6379);
    await requireRedis(settings.REDIS_URL);
  }
  if (settings.MQTT_URL !== undefined) await requireReachable('MQTT_URL', settings.MQTT_URL, 1883);
  const servers = settings.OPCUA_URLS ?? [];
  const answers = await Promise.allSettled(servers.map((url) => requireReachable('OPCUA_URLS', url, 4840)));
  const failures = answers
    .filter((answer) => answer.status === 'rejected')
    .map((answer) => (answer.reason as Error).message);
  // One controller that is switched off must not keep a plant from starting; none at all is a wrong setting.
  if (failures.length > 0 && failures.length === servers.length) throw new Error(failures[0]);
  for (const failure of failures) report.say(`  ! ${failure} The others are used; this one is tried again and again.`);
}

async function startDatabase({ settings, report, shutdown }: Omit<Start, 'root'>): Promise<string> {
  const dataDir = join(settings.DATA_DIR, 'postgres');
  const log = createLog('database', settings.LOG_LEVEL);
  let server = await startEmbeddedPostgres({ dataDir, port: await stablePort(settings.DATA_DIR, 'database'), log });
  const { url, port } = server;
  async function keepRunning(): Promise<void> {
    for (;;) {
      const code = await server.ended;
      if (shutdown.signal.aborted) return;
      report.say(`the embedded database ended (${code}) and is started again`);
      try {
        server = await startEmbeddedPostgres({ dataDir, port, log });
      } catch (error) {
        report.say(`the embedded database did not start: ${(error as Error).message}`);
        await pause(2000, shutdown.signal);
      }
    }
  }
  void keepRunning();
  shutdown.add('database', () => server.stop());
  return url;
}

async function describeDatabase(url: string): Promise<string> {
  const database = openDatabase({
    url,
    name: 'millrace start',
    log: createLog('supervisor', 'silent'),
    maxConnections: 1,
  });
  try {
    const [row] = await database.query<{ version: string }>(`select current_setting('server_version') as version`);
    return `PostgreSQL ${row?.version ?? ''} at ${new URL(url).host}`;
  } catch (cause) {
    throw new Error(
      `DATABASE_URL: the server at ${new URL(url).host} refuses (${(cause as Error).message}); correct DATABASE_URL.`,
      { cause },
    );
  } finally {
    await database.close();
  }
}

async function buildPage(root: string, logDir: string): Promise<void> {
  if (!isWebBuildStale(root)) return;
  await runToEnd({
    name: 'web',
    main: 'node_modules/vite/bin/vite.js',
    parameters: ['build', 'web', '--logLevel', 'warn'],
    environment: {},
    root,
    logDir,
  });
}

async function sayWhere(
  { settings, report, shutdown }: Omit<Start, 'root'>,
  { address, url, password, simulate }: { address: string; url: string; password: string; simulate: boolean },
): Promise<void> {
  report.say(`\n  Dashboard   ${address}`);
  report.say(`  Login       ${settings.ADMIN_EMAIL}`);
  report.say(`  Password    ${settings.ADMIN_PASSWORD === undefined ? password : 'as set by ADMIN_PASSWORD'}`);
  if (!simulate) {
    report.say(`\n  SIMULATE=off: connect your plant (docs/your-plant.md). Ctrl-C stops everything.\n`);
    return;
  }
  const database = openDatabase({
    url,
    name: 'millrace start',
    log: createLog('supervisor', 'silent'),
    maxConnections: 1,
  });
  shutdown.add('start check', () => database.close());
  while (!shutdown.signal.aborted) {
    const [row] = await database.query<{ live: number }>(
      `select count(*)::int as live from latest_value where received_at > now() - interval '15 seconds'`,
    );
    if ((row?.live ?? 0) > 0) {
      report.say(`\n  First live values after ${report.elapsedSeconds().toFixed(1)} s. Ctrl-C stops everything.\n`);
      return;
    }
    await pause(100, shutdown.signal);
  }
}
