import { createLog } from '../log.ts';
import { readSettings } from '../settings.ts';
import { createShutdown } from '../shutdown.ts';
import { startEmbeddedBroker } from './broker.ts';

// The broker as a process of its own: a broker inside ingest would die with it, and with it the messages that ingest
// has not acknowledged yet.
const settings = readSettings();
const log = createLog('broker', settings.LOG_LEVEL);
const shutdown = createShutdown(log);
try {
  const port = Number(new URL(settings.MQTT_URL ?? 'mqtt://127.0.0.1:0').port);
  // `--alone`: for subscribers that are not ingest, which is what the benches compare with.
  const alone = process.argv.includes('--alone');
  const broker = await startEmbeddedBroker({ port, log, ...(!alone && { keeper: settings.MQTT_CLIENT_ID }) });
  shutdown.add('broker', () => broker.stop());
  log.info({ port: broker.port }, 'ready');
  process.send?.({ ready: true, detail: broker.url });
} catch (error) {
  process.stderr.write(`${(error as Error).message}\n`);
  process.exit(1);
}
