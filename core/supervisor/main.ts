import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createLog } from '../log.ts';
import { readSettings, SettingsError } from '../settings.ts';
import { createShutdown } from '../shutdown.ts';
import { createReport } from './report.ts';
import { startPlant } from './start-plant.ts';

// `npm start`: everything that Millrace needs and nobody gave it, each as a process of its own.
const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const report = createReport((text) => process.stdout.write(text));
try {
  const settings = readSettings();
  const log = createLog('supervisor', 'silent');
  const shutdown = createShutdown(log, 9500);
  shutdown.add('farewell', () => report.say('Millrace has stopped.'));
  report.say(`Millrace is starting (data in ${settings.DATA_DIR}, logs in ${join(settings.DATA_DIR, 'logs')})`);
  try {
    await startPlant({ settings, root, report, shutdown });
  } catch (error) {
    if (!shutdown.signal.aborted) process.stderr.write(`\nMillrace cannot start. ${(error as Error).message}\n`);
    await shutdown.close();
    process.exit(1);
  }
} catch (error) {
  if (!(error instanceof SettingsError)) throw error;
  process.stderr.write(`Millrace cannot start.\n${error.message}\n`);
  process.exit(1);
}
