import { join } from 'node:path';
import { showAlive } from '../core/alive.ts';
import { now } from '../core/clock.ts';
import { describeDatabaseFailure } from '../core/database-failure.ts';
import { openDatabase } from '../core/database.ts';
import { createLog } from '../core/log.ts';
import { openQueues } from '../core/queues.ts';
import { readSettings, requireSetting, SettingsError } from '../core/settings.ts';
import { createShutdown } from '../core/shutdown.ts';
import { diskFiles } from './journal/journal-files.ts';
import { openJournal } from './journal/open-journal.ts';
import { openIntake } from './journal/open-intake.ts';
import { startHeartbeat } from './ledger/heartbeat.ts';
import { createSkewMeter } from './ledger/skew.ts';
import { startReceivers } from './receive/start-receivers.ts';
import { followPlant } from './resolve/follow-plant.ts';
import { followReplays } from './resolve/follow-replays.ts';
import { createSignalRegistry } from './resolve/signal-registry.ts';
import { registerGateway } from './store/gateway.ts';
import { startHousekeeping } from './store/housekeeping.ts';
import { startStore } from './store/start-store.ts';

/** Joins the steps: receive → decode → resolve → journal → acknowledge → store. Closing happens from the last line up. */
async function main(): Promise<void> {
  const settings = readSettings();
  const databaseUrl = requireSetting(settings, 'DATABASE_URL');
  if (settings.MQTT_URL === undefined && settings.OPCUA_URLS === undefined) {
    throw new SettingsError(
      'Neither MQTT_URL nor OPCUA_URLS is set; ingest needs at least one of them to receive from.',
    );
  }
  const log = createLog('ingest', settings.LOG_LEVEL);
  const shutdown = createShutdown(log);
  const database = openDatabase({ url: databaseUrl, name: 'millrace ingest', log });
  shutdown.add('database', () => database.close());
  // What is only looked at and reported must not hang for as long as the store may wait.
  const watching = openDatabase({
    url: databaseUrl,
    name: 'millrace ingest watch',
    log,
    maxConnections: 2,
    queryLimitMs: 20_000,
  });
  shutdown.add('watching database', () => watching.close());
  const gateway = await registerGateway(database, settings.GATEWAY_ID, settings.ENTERPRISE);
  const { gateway_id: gatewayId, organization_id: organizationId } = gateway;
  const registry = createSignalRegistry();
  await registry.load(database, organizationId);
  const queues = openQueues({ databaseUrl, redisUrl: settings.REDIS_URL, log });
  shutdown.add('queues', () => queues.close());

  const journal = await openJournal({
    directory: join(settings.DATA_DIR, 'journal', String(gatewayId), gateway.identity.slice(0, 8)),
    gatewayId,
    maxBytes: settings.JOURNAL_MAX_SIZE,
    minFreeBytes: settings.DISK_MIN_FREE,
    maxAgeMs: settings.JOURNAL_MAX_AGE === 0 ? Number.POSITIVE_INFINITY : settings.JOURNAL_MAX_AGE * 3_600_000,
    clock: now,
    committed: gateway.last_sequence,
    committedTotal: gateway.journal_total,
    files: diskFiles,
    log,
  });
  shutdown.add('journal', () => journal.close());
  const { JOURNAL_WHEN_FULL: whenFull, FAR_FUTURE_HOURS: farFutureHours } = settings;
  const onRecord = (): void => store.ring();
  const intake = await openIntake({ journal, clock: now, log, whenFull, farFutureHours, onRecord });
  const { backfill, replay } = intake;
  const skew = createSkewMeter();
  const { FLUSH_ROWS: flushRows, FLUSH_MS: flushMs, PARKED_MAX_READINGS: parkedMaxReadings } = settings;
  const limits = { flushRows, flushMs, parkedMaxReadings };
  const store = startStore({
    database,
    queues,
    journal,
    registry,
    gateway,
    clock: now,
    log,
    skew,
    ...limits,
    backfill,
    replay,
    farFutureHours,
  });
  const plant = followPlant({ database: watching, organizationId, registry, log, backfill });
  shutdown.add('plant follower', () => plant.close());
  const replays = followReplays({ database: watching, organizationId, log, replay });
  shutdown.add('replay follower', () => replays.close());

  // Without a limit on its queries: the first deletion after a long absence of analytics takes minutes.
  const housekeeping = startHousekeeping({ database, gatewayId, log });
  shutdown.add('housekeeping', () => housekeeping.close());
  const receivers = startReceivers({ settings, log, clock: now, intake, registry });
  const heartbeat = startHeartbeat({
    database: watching,
    gatewayId,
    organizationId,
    startedAtMs: now(),
    clock: now,
    log,
    skew,
    receivers: () => receivers,
    journal: () => journal.state,
    store: () => store.state,
    intake: () => intake,
  });
  shutdown.add('heartbeat', () => heartbeat.close());
  shutdown.add('store', () => store.close(5000));
  shutdown.add('intake', () => intake.close());
  for (const receiver of receivers) shutdown.add('receiver', () => receiver.close());
  await heartbeat.beat();
  const detail = `gateway ${gatewayId}, ${registry.size} signals, ${journal.state.readings} readings in the journal`;
  log.info({ gateway_id: gatewayId, detail }, 'ready');
  shutdown.add('alive', showAlive(settings.DATA_DIR, 'ingest'));
  process.send?.({ ready: true, detail });
}

try {
  await main();
} catch (error) {
  const message = error instanceof Error ? error.message : String(error);
  const sentence = error instanceof SettingsError ? message : describeDatabaseFailure(error);
  process.stderr.write(`${sentence ?? `Ingest cannot start: ${message}`}\n`);
  process.exit(1);
}
