import { describeDatabaseFailure } from '../core/database-failure.ts';
import { createLog } from '../core/log.ts';
import { migrateQueues } from '../core/queues.ts';
import { readSettings, requireSetting, SettingsError } from '../core/settings.ts';
import { MigrationError } from './files.ts';
import { migrate } from './run.ts';

// `npm run migrate`: one line for each applied file; on a reason not to migrate one sentence and exit code 1.
try {
  const settings = readSettings();
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
} catch (error) {
  process.exitCode = 1;
  const isPlain = error instanceof MigrationError || error instanceof SettingsError;
  const message = error instanceof Error ? error.message : String(error);
  const sentence = isPlain ? message : describeDatabaseFailure(error);
  process.stderr.write(`${sentence ?? `The database cannot be migrated: ${message}`}\n`);
}
