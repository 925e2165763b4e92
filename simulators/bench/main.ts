import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { readSettings, SettingsError } from '../../core/settings.ts';
import { benches, type BenchEngineName, type BenchName } from './benches.ts';
import { measureAll } from './measure-all.ts';
import { keepResult, readResults } from './kept-results.ts';
import { measureOne } from './measure-one.ts';
import { writeReport } from './report.ts';

const names = Object.keys(benches) as BenchName[];
const usage = `How to measure Millrace (simulators/bench/README.md):

  npm run bench -- NAME [--engine embedded|timescale] [--seconds N] [--repeats N]
  npm run bench -- all [--engine embedded|timescale|both] [--budget MINUTES]
                                       everything, on every engine there is a server for; writes docs/benchmarks.md
  npm run bench -- report              writes docs/benchmarks.md from the results that are there

NAME is one of ${names.join(', ')}.
--engine timescale needs BENCH_TIMESCALE_URL, a server with the right to create databases.
--profile shows where ingest, analytics and API spend their time; its figures are not used, its profiles go into the page.
--budget says after how many minutes nothing more is begun (40); what is left is in the page as not measured.
--busy measures at once although others use the machine. Its figures are for trials: they are refused, kept apart, and
the page goes into DATA_DIR/bench/trial instead of docs.
Exit code 0: measured; 3: measured, but figures are refused; 1: it failed; 130: it was broken off.
`;

async function main(signal: AbortSignal): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      engine: { type: 'string' },
      seconds: { type: 'string' },
      repeats: { type: 'string' },
      budget: { type: 'string' },
      busy: { type: 'boolean', default: false },
      profile: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h' },
    },
  });
  const name = positionals[0];
  if (values.help === true || name === undefined) {
    process.stdout.write(usage);
    return values.help === true ? 0 : 1;
  }
  const settings = readSettings();
  const { DATA_DIR: dataDir, BENCH_TIMESCALE_URL: timescaleUrl } = settings;
  const folder = join(dataDir, 'bench', values.busy ? 'trial' : 'results');
  mkdirSync(join(folder, 'profile'), { recursive: true });
  if (name === 'report') {
    writeReport(readResults(folder), values.busy ? folder : undefined);
    return 0;
  }
  const seconds = whole('--seconds', values.seconds, 86_400);
  const repeats = whole('--repeats', values.repeats, 1000);
  const how = { busy: values.busy, dataDir, timescaleUrl, signal, say };
  if (name === 'all') {
    return measureAll({
      ...how,
      folder,
      engines: enginesOf(values.engine ?? (timescaleUrl === undefined ? 'embedded' : 'both'), timescaleUrl),
      budgetMinutes: whole('--budget', values.budget, 1440) ?? 40,
      ...(seconds !== undefined && { seconds }),
      ...(repeats !== undefined && { repeats }),
    });
  }
  if (!names.includes(name as BenchName)) throw new SettingsError(`There is no bench "${name}".\n\n${usage}`);
  const engines = enginesOf(values.engine ?? 'embedded', timescaleUrl);
  let code = 0;
  for (const engine of engines) {
    const bench = name as BenchName;
    const result = await measureOne(bench, engine, {
      ...how,
      profile: values.profile,
      seconds: seconds ?? benches[bench].seconds[engine],
      repeats: repeats ?? benches[bench].repeats,
      limitSeconds: 7200,
    });
    keepResult(folder, result, values.profile);
    if (result.refused.length > 0) code = 3;
  }
  return code;
}

const say = (line: string): void => void process.stdout.write(`${line}\n`);

function enginesOf(text: string, timescaleUrl: string | undefined): BenchEngineName[] {
  if (text !== 'embedded' && text !== 'timescale' && text !== 'both')
    throw new SettingsError(`--engine is "${text}"; accepted is embedded, timescale or both.`);
  if (text !== 'embedded' && timescaleUrl === undefined)
    throw new SettingsError(
      `--engine ${text} needs a TimescaleDB server: set BENCH_TIMESCALE_URL to a postgres:// URL with the right to create databases.`,
    );
  return text === 'both' ? ['timescale', 'embedded'] : [text];
}

function whole(name: string, text: string | undefined, most: number): number | undefined {
  if (text === undefined) return undefined;
  const number = Number(text);
  if (!Number.isInteger(number) || number < 1 || number > most)
    throw new SettingsError(`${name} is "${text}"; accepted is a whole number from 1 to ${most}.`);
  return number;
}

const stopping = new AbortController();
// A reader that is gone (`| head`) ends the bench in order, as Ctrl-C does.
process.stdout.on('error', () => stopping.abort());
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => {
    if (stopping.signal.aborted) process.exit(130);
    say('Stopping what was started; once more stops at once.');
    stopping.abort();
  });
}
try {
  process.exitCode = await main(stopping.signal);
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
// Work that was broken off may still wait for something that never comes.
process.exit(stopping.signal.aborted ? 130 : process.exitCode);
