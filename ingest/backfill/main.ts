import { setPriority } from 'node:os';
import { now } from '../../core/clock.ts';
import { describeDatabaseFailure } from '../../core/database-failure.ts';
import { openDatabase } from '../../core/database.ts';
import { createLog } from '../../core/log.ts';
import { settingsOfRunning } from '../../core/running.ts';
import { readSettings, requireSetting, SettingsError } from '../../core/settings.ts';
import { ColumnError } from './column-map.ts';
import { describeBad } from './load.ts';
import { readOptions, usage } from './options.ts';
import { createProgress } from './progress.ts';
import { backfill, StoppedError } from './run.ts';
import type { RunState } from './run-state.ts';
import type { Sink } from './sink.ts';

const badLinesShown = 20;

// `npm run backfill -- FILES`. Exit code 0: all readings are in; 2: in, but some cells could not be taken; 1: failed or
// stopped, and the same command goes on.
const progress = createProgress((text) => process.stdout.write(text), process.stdout.isTTY);
let shown = 0;
let stopping = false;

function reportBad(sink: Sink): void {
  for (const bad of sink.bad) {
    if (shown++ < badLinesShown) progress.say(`  ! ${describeBad(bad)}`);
    if (shown === badLinesShown + 1)
      progress.say('  ! … the rest is counted, and the first 10,000 are kept among the rejected readings.');
  }
}

async function main(): Promise<void> {
  const options = readOptions(process.argv.slice(2));
  if (options === undefined) {
    process.stdout.write(usage);
    return;
  }
  const settings = settingsOfRunning(readSettings());
  const log = createLog('backfill', settings.LOG_LEVEL === 'info' ? 'warn' : settings.LOG_LEVEL);
  const database = openDatabase({
    url: requireSetting(settings, 'DATABASE_URL'),
    name: 'millrace backfill',
    log,
    maxConnections: 3,
  });
  // Live ingest goes first where both want the same core.
  setPriority(10);
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => {
      stopping = true;
      progress.say('Stopping after the present batch; once more stops at once.');
      process.once(signal, () => process.exit(1));
    });
  }
  try {
    const { state, already } = await backfill({
      database,
      enterprise: settings.ENTERPRISE,
      options,
      progress,
      clock: now,
      farFutureHours: settings.FAR_FUTURE_HOURS,
      reportBad,
      stopped: () => stopping,
    });
    progress.end();
    if (already !== undefined)
      process.stdout.write(`These files were loaded already (${already}); --again loads them once more.\n`);
    process.stdout.write(summary(state, options.check));
    if (state.rejected > 0) process.exitCode = 2;
  } finally {
    await database.close();
  }
}

function summary(state: RunState, check: boolean): string {
  const number = (count: number): string => count.toLocaleString('en');
  const days = Object.keys(state.days).length;
  const counts = check
    ? `${number(state.received - state.rejected - state.duplicate)} readings can be loaded`
    : `${number(state.stored)} readings stored`;
  return (
    `${counts} on ${days} day${days === 1 ? '' : 's'}; ${number(state.duplicate)} were there already` +
    (state.conflict > 0 ? ` (${number(state.conflict)} with another value, which was not changed)` : '') +
    `, ${number(state.rejected)} could not be taken, ${number(state.empty)} cells were empty.\n`
  );
}

try {
  await main();
} catch (error) {
  progress.end();
  const isPlain = error instanceof SettingsError || error instanceof ColumnError || error instanceof StoppedError;
  process.stderr.write(`${isPlain ? error.message : sentence(error)}\n`);
  process.exitCode = 1;
}

function sentence(error: unknown): string {
  const { code, message } = error as { code?: string; message: string };
  if (code === 'ENOENT' || code === 'EACCES') return `A file cannot be read: ${message}.`;
  if (code === '42P01') return describeDatabaseFailure(error) ?? message;
  return `${describeDatabaseFailure(error) ?? message}\nWhat was loaded so far is kept; the same command goes on from there.`;
}
