import { readWords } from '../core/arguments.ts';
import { describeDatabaseFailure } from '../core/database-failure.ts';
import { createLog } from '../core/log.ts';
import { migrateQueues } from '../core/queues.ts';
import { settingsOfRunning } from '../core/running.ts';
import { readSettings, requireSetting, SettingsError } from '../core/settings.ts';
import { MigrationError } from './files.ts';
import { migrate } from './run.ts';

const usage = `How to bring the tables of a database up to date:

  npm run migrate     says each migration that it applies; harmless to repeat

The database is that of DATABASE_URL, or of the Millrace that runs on the same DATA_DIR. See docs/production.md.
`;

// One line for each applied file; on a reason not to migrate one sentence and exit code 1.
async function main(): Promise<void> {
  if (readWords(usage) === undefined) return;
  const settings = settingsOfRunning(readSettings());
  const url = requireSetting(settings, 'DATABASE_URL');
  const result = await migrate({
    url,
    storage: settings.STORAGE,
    rawRetentionDays: settings.RAW_RETENTION_DAYS,
    log: createLog('migrate', settings.LOG_LEVEL),
    onApplied: (migration, milliseconds) => {
      process.stdout.write(`applied ${migration.path} in ${milliseconds.toFixed(0)} ms\n`);
    },
  });
  if (settings.REDIS_URL === undefined) await migrateQueues(url);
  process.stdout.write(
    `the database is at version ${result.version} on ${result.engine}, ${result.applied.length} applied now\n`,
  );
}

try {
  await main();
} catch (error) {
  process.exitCode = 1;
  const isPlain = error instanceof MigrationError || error instanceof SettingsError;
  const message = error instanceof Error ? error.message : String(error);
  const sentence = isPlain ? message : describeDatabaseFailure(error);
  process.stderr.write(`${sentence ?? `The database cannot be migrated: ${message}`}\n`);
}
