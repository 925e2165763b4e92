import { readWords } from '../arguments.ts';
import { now } from '../clock.ts';
import { describeDatabaseFailure } from '../database-failure.ts';
import { openDatabase } from '../database.ts';
import { createLog } from '../log.ts';
import { settingsOfRunning } from '../running.ts';
import { readSettings, requireSetting, SettingsError } from '../settings.ts';
import { examine } from './examine.ts';
import type { Finding } from './finding.ts';

const usage = `Reads a database of Millrace and says what to change and why (docs/production.md):

  npm run doctor

The database is that of DATABASE_URL, or of the Millrace that runs on the same DATA_DIR. Exit code 0: healthy; 2: there
is advice; 1: the database cannot be asked.
`;

async function main(): Promise<void> {
  if (readWords(usage) === undefined) return;
  const settings = settingsOfRunning(readSettings());
  const databaseUrl = requireSetting(settings, 'DATABASE_URL');
  const log = createLog('doctor', 'error');
  const database = openDatabase({ url: databaseUrl, name: 'millrace doctor', log, maxConnections: 1 });
  try {
    const { subjects, facts } = await examine({
      connection: database,
      clock: now,
      databaseUrl,
      redisUrl: settings.REDIS_URL,
      dataDir: settings.DATA_DIR,
      minFreeBytes: settings.DISK_MIN_FREE,
    });
    process.stdout.write(`${facts['engine']}, ${facts['size']}, ${facts['rate']}\n\n`);
    let found = 0;
    for (const { name, findings } of subjects) {
      process.stdout.write(`${findings.length === 0 ? 'ok   ' : `${findings.length} !  `}${name}\n`);
      for (const finding of findings) process.stdout.write(`${describe(finding)}\n`);
      found += findings.length;
    }
    process.stdout.write(
      found === 0 ? '\nNothing to change.\n' : `\n${found} thing${found === 1 ? '' : 's'} to look at.\n`,
    );
    process.exitCode = found === 0 ? 0 : 2;
  } finally {
    await database.close();
  }
}

function describe({ level, what, value, recommended, why, command }: Finding): string {
  return [
    `     ${level === 'danger' ? 'DANGER' : 'advice'}  ${what}: ${value}`,
    `             recommended: ${recommended}`,
    `             why: ${why}`,
    `             do:  ${command}`,
  ].join('\n');
}

try {
  await main();
} catch (error) {
  const { code, message } = error as { code?: string; message: string };
  const sentence = error instanceof SettingsError ? message : describeDatabaseFailure(error);
  const otherwise = `The database of DATABASE_URL cannot be asked: ${message}${code === undefined ? '' : ` (${code})`}.`;
  process.stderr.write(`${sentence ?? otherwise}\n`);
  process.exitCode = 1;
}
