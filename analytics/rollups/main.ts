import { parseArgs } from 'node:util';
import { z } from 'zod';
import { now, toTimestamp } from '../../core/clock.ts';
import { describeDatabaseFailure } from '../../core/database-failure.ts';
import { openDatabase } from '../../core/database.ts';
import { createLog } from '../../core/log.ts';
import { settingsOfRunning } from '../../core/running.ts';
import { readSettings, requireSetting, SettingsError } from '../../core/settings.ts';
import { reconcileRollups } from './reconcile.ts';

// `npm run reconcile`: compares rollups with the readings now instead of at night, every figure of every bucket, and
// computes again what differs. Exit code 0: all equal; 2: something differed and has been repaired; 1: it failed.
const hourMs = 3_600_000;
const usage = `How to compare rollups with the readings they come from:

  npm run reconcile                                  the last 24 whole hours
  npm run reconcile -- --from 2026-11-01T00:00:00Z --to 2026-11-02T00:00:00Z

Times are RFC 3339; whole hours are compared, and the hour that is running is left out. Takes some 20 s for an hour of
1,781 sensors at 1 Hz. What differs is computed again and leaves an alarm on its machine.
`;

const time = z.iso.datetime({ offset: true }).transform((text) => Date.parse(text));

function readTime(option: string, text: string | undefined, otherwise: number): number {
  if (text === undefined) return otherwise;
  const parsed = time.safeParse(text);
  if (parsed.success) return parsed.data;
  throw new SettingsError(`--${option} is "${text}"; accepted is an RFC 3339 time such as 2026-11-20T06:00:00Z.`);
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: { from: { type: 'string' }, to: { type: 'string' }, help: { type: 'boolean', short: 'h' } },
  });
  if (values.help === true) {
    process.stdout.write(usage);
    return;
  }
  const hourStart = Math.floor(now() / hourMs) * hourMs;
  const toMs = Math.min(hourStart, Math.ceil(readTime('to', values.to, hourStart) / hourMs) * hourMs);
  const fromMs = Math.floor(readTime('from', values.from, toMs - 24 * hourMs) / hourMs) * hourMs;
  if (fromMs >= toMs) {
    throw new SettingsError(
      `--from is ${toTimestamp(fromMs)}; accepted is a time before --to, which is ${toTimestamp(toMs)}.`,
    );
  }
  const settings = settingsOfRunning(readSettings());
  const log = createLog('reconcile', 'error');
  const url = requireSetting(settings, 'DATABASE_URL');
  const database = openDatabase({ url, name: 'millrace reconcile', log, maxConnections: 1 });
  let differing = 0;
  try {
    for (let at = fromMs; at < toMs; at += hourMs) {
      const buckets = await reconcileRollups(database, at, at + hourMs, true);
      differing += buckets;
      const found = buckets === 0 ? 'equal' : `${buckets} buckets differed and were computed again`;
      process.stdout.write(`${toTimestamp(at)}  ${found}\n`);
    }
  } finally {
    await database.close();
  }
  process.stdout.write(differing === 0 ? 'All rollups equal their readings.\n' : `${differing} buckets repaired.\n`);
  process.exitCode = differing === 0 ? 0 : 2;
}

try {
  await main();
} catch (error) {
  const { code, message } = error as { code?: string; message: string };
  const isMine = error instanceof SettingsError || code?.startsWith('ERR_PARSE_ARGS') === true;
  const sentence = isMine ? message : describeDatabaseFailure(error);
  process.stderr.write(`${sentence ?? `The rollups cannot be compared: ${message}`}\n`);
  process.exitCode = 1;
}
