import { statSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { pause } from '../../core/clock.ts';
import { describeDatabaseFailure } from '../../core/database-failure.ts';
import { openDatabase } from '../../core/database.ts';
import { createLog } from '../../core/log.ts';
import { PlantFileError } from '../../core/plant/plant-file-error.ts';
import { settingsOfRunning } from '../../core/running.ts';
import { readSettings, requireSetting, SettingsError, type Settings } from '../../core/settings.ts';
import type { ReplayForm } from './messages.ts';
import { createProgress } from './progress.ts';
import { readForm, readRows, type BadCell, type Form } from './read-rows.ts';
import { checkPrefix, registerReplay } from './register.ts';
import { replay } from './replay.ts';

const usage = `Sends recorded CSV files over MQTT, each column as a signal (docs/simulators.md):

  npm run replay -- FILE.csv [more files] --topic-prefix enterprise/site/line/machine

  --delimiter ';'       what separates columns (else: found out)
  --time-column NAME    the column of times (else: found out)
  --columns A,B         only these columns
  --zone Europe/Berlin  zone of times without an offset (else: UTC)
  --speed 10 | max      times as fast as recorded (else: max)
  --single              a message for each reading   } else: a message for each row
  --batch N             N rows in a message          }
  --shift-to-now        move all times so that the last row is now (at --speed 1: the first)
  --qos 0 | 1           (else: 1)
  --mqtt-url URL        (else: MQTT_URL)
  --register            make the machine and its signals known first, so that readings are stored, not parked
  --keep-going          exit code 0 even when some values were skipped
`;
/** Wrong values beyond these are counted, not shown. */
const shownProblems = 20;

function parse() {
  return parseArgs({
    allowPositionals: true,
    options: {
      'topic-prefix': { type: 'string' },
      delimiter: { type: 'string' },
      'time-column': { type: 'string' },
      columns: { type: 'string' },
      zone: { type: 'string', default: 'UTC' },
      speed: { type: 'string', default: 'max' },
      single: { type: 'boolean', default: false },
      batch: { type: 'string' },
      'shift-to-now': { type: 'boolean', default: false },
      qos: { type: 'string', default: '1' },
      'mqtt-url': { type: 'string' },
      register: { type: 'boolean', default: false },
      'keep-going': { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
}
type Given = ReturnType<typeof parse>['values'];

async function main(): Promise<number> {
  const { values: given, positionals: paths } = parse();
  if (given.help || paths.length === 0) {
    process.stdout.write(usage);
    return given.help ? 0 : 1;
  }
  const settings = settingsOfRunning(readSettings());
  const prefix = checkPrefix(given['topic-prefix']);
  const reading = {
    delimiter: given.delimiter,
    timeColumn: given['time-column'],
    columns: given.columns?.split(','),
    zone: checkZone(given.zone),
  };
  const files = paths.map((path) => ({ path, form: readForm(path, reading) }));
  const common = {
    ...reading,
    files,
    prefix,
    form: readReplayForm(given),
    qos: readQos(given.qos),
    speed: readSpeed(given.speed),
  };
  if (given.register) await register(settings, prefix, reading.zone, files);

  const controller = new AbortController();
  process.once('SIGINT', () => controller.abort());
  process.once('SIGTERM', () => controller.abort());
  let problems = 0;
  const progress = createProgress(
    process.stderr,
    paths.reduce((sum, path) => sum + statSync(path).size, 0),
  );
  const counts = await replay({
    ...common,
    url: given['mqtt-url'] ?? requireSetting(settings, 'MQTT_URL'),
    shiftToNow: given['shift-to-now'],
    onBad: (cell) => {
      if (++problems <= shownProblems) process.stderr.write(`${describe(cell)}\n`);
    },
    onProgress: progress.at,
    signal: controller.signal,
  });
  progress.end();
  const acknowledged = common.qos === 1 ? `, ${counts.acknowledged} acknowledged` : '';
  process.stdout.write(
    `${counts.rows} rows: ${counts.sent} readings sent${acknowledged}, in ${counts.messages} messages to ${prefix}.\n`,
  );
  if (problems > shownProblems) process.stderr.write(`… and ${problems - shownProblems} more.\n`);
  if (problems > 0) process.stderr.write(`${problems} values were skipped.\n`);
  const isWhole = !controller.signal.aborted && (common.qos === 0 || counts.acknowledged === counts.sent);
  return isWhole && (problems === 0 || given['keep-going']) ? 0 : 1;
}

async function register(
  settings: Settings,
  prefix: string,
  zone: string,
  files: { path: string; form: Form }[],
): Promise<void> {
  if (!prefix.startsWith(`${settings.ENTERPRISE}/`)) {
    throw new SettingsError(
      `--topic-prefix is "${prefix}", but ENTERPRISE is "${settings.ENTERPRISE}": such readings would not be received.`,
    );
  }
  const signals = [...new Set(files.flatMap(({ form }) => form.signals.filter((signal) => signal !== undefined)))];
  const intervalSeconds = await findInterval(files, zone);
  const log = createLog('replay', settings.LOG_LEVEL);
  const database = openDatabase({ url: requireSetting(settings, 'DATABASE_URL'), name: 'millrace replay', log });
  try {
    const added = await registerReplay(database, { prefix, signals, zone, intervalSeconds });
    process.stdout.write(`${signals.length} signals of ${prefix} are known, ${added} of them new.\n`);
    // Ingest hears of it by a notification and reads the plant anew within a second; what comes before would be parked.
    if (added > 0) await pause(2000);
  } finally {
    await database.close();
  }
}

/** The usual distance of two rows: the middle one of the first hundred of the first file. */
async function findInterval(files: { path: string; form: Form }[], zone: string): Promise<number> {
  const [file] = files;
  const distances: number[] = [];
  if (file === undefined) return 1;
  let before: number | undefined;
  for await (const { time } of readRows(file.path, file.form, { zone, shiftSeconds: 0, onBad: () => undefined })) {
    if (before !== undefined && time.ms > before) distances.push((time.ms - before) / 1000);
    before = time.ms;
    if (distances.length === 100) break;
  }
  return distances.toSorted((one, two) => one - two)[Math.floor(distances.length / 2)] ?? 1;
}

function readReplayForm({ single, batch }: Given): ReplayForm {
  if (single && batch !== undefined) throw new SettingsError('--single and --batch exclude each other.');
  if (batch === undefined) return single ? 'single' : 'row';
  if (!/^[1-9]\d*$/.test(batch)) throw new SettingsError(`--batch is "${batch}"; accepted is a whole number of rows.`);
  return Number(batch);
}

function readQos(qos: string): 0 | 1 {
  if (qos !== '0' && qos !== '1') throw new SettingsError(`--qos is "${qos}"; accepted is 0 or 1.`);
  return qos === '0' ? 0 : 1;
}

function readSpeed(speed: string): number {
  const value = speed === 'max' ? Infinity : Number(speed);
  if (!(value > 0)) throw new SettingsError(`--speed is "${speed}"; accepted is max or a number above 0.`);
  return value;
}

function checkZone(zone: string): string {
  try {
    new Intl.DateTimeFormat('en', { timeZone: zone });
    return zone;
  } catch (cause) {
    throw new SettingsError(`--zone is "${zone}"; accepted is an IANA time zone such as Europe/Berlin.`, { cause });
  }
}

function describe({ file, line, column, value, accepted }: BadCell): string {
  return `${file}, line ${line}, ${column}: "${value.slice(0, 80)}" is there; accepted is ${accepted}.`;
}

try {
  process.exitCode = await main();
} catch (error) {
  const isPlain = error instanceof SettingsError || error instanceof PlantFileError;
  process.stderr.write(`${isPlain ? error.message : sentence(error)}\n`);
  process.exitCode = 1;
}

function sentence(error: unknown): string {
  const { code, message } = error as { code?: string; message: string };
  if (code === 'ENOENT') return `There is no such file: ${message}`;
  return describeDatabaseFailure(error) ?? message;
}
