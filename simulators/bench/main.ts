import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { pause } from '../../core/clock.ts';
import { readSettings, SettingsError } from '../../core/settings.ts';
import { benches, type BenchName } from './benches.ts';
import { mostForeignLoad, withBench } from './context.ts';
import { createLoadMeter } from './process-usage.ts';
import { writeReport } from './report.ts';
import { newResult, type BenchResult } from './result.ts';

const names = Object.keys(benches) as BenchName[];
const usage = `How to measure Millrace (simulators/bench/README.md):

  npm run bench -- NAME [--engine embedded|timescale] [--seconds N] [--repeats N]
  npm run bench -- all                 everything, on every engine there is a server for; writes docs/benchmarks.md
  npm run bench -- report              writes docs/benchmarks.md from the results that are there

NAME is one of ${names.join(', ')}.
--engine timescale needs BENCH_TIMESCALE_URL, a server with the right to create databases.
--profile shows where ingest, analytics and API spend their time; its figures are not used, its profiles go into the page.
--busy measures although others use the machine; such results say so and are refused.
`;

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      engine: { type: 'string' },
      seconds: { type: 'string' },
      repeats: { type: 'string' },
      busy: { type: 'boolean' },
      profile: { type: 'boolean' },
      help: { type: 'boolean', short: 'h' },
    },
  });
  const name = positionals[0];
  if (values.help === true || name === undefined) {
    process.stdout.write(usage);
    process.exitCode = values.help === true ? 0 : 1;
    return;
  }
  const settings = readSettings();
  const folder = join(settings.DATA_DIR, 'bench');
  mkdirSync(join(folder, 'profile'), { recursive: true });
  if (name === 'report') {
    writeReport(readResults(folder));
    return;
  }
  const engine = values.engine ?? 'embedded';
  if (engine !== 'embedded' && engine !== 'timescale')
    throw new SettingsError(`--engine is "${engine}"; accepted is embedded or timescale.`);
  if (name !== 'all' && !names.includes(name as BenchName))
    throw new SettingsError(`There is no bench "${name}".\n\n${usage}`);
  const engines =
    name === 'all' && values.engine === undefined
      ? settings.BENCH_TIMESCALE_URL === undefined
        ? (['embedded'] as const)
        : (['timescale', 'embedded'] as const)
      : ([engine] as const);
  const wanted = name === 'all' ? names : [name as BenchName];
  for (const each of engines) {
    for (const bench of wanted) {
      const result = await run(bench, each, {
        seconds: whole('--seconds', values.seconds, benches[bench].seconds),
        repeats: whole('--repeats', values.repeats, 5),
        busy: values.busy ?? false,
        profile: values.profile ?? false,
      });
      const file = (values.profile ?? false) ? `profile/${bench}-${each}.json` : `${bench}-${each}.json`;
      writeFileSync(join(folder, file), `${JSON.stringify(result, null, 2)}\n`);
      if (result.refused.length > 0) process.exitCode = 3;
    }
  }
  if (name === 'all') writeReport(readResults(folder));

  async function run(
    bench: BenchName,
    on: 'embedded' | 'timescale',
    how: { seconds: number; repeats: number; busy: boolean; profile: boolean },
  ): Promise<BenchResult> {
    const load = createLoadMeter();
    await pause(2000);
    const foreign = load();
    const result = newResult(bench, on, foreign);
    const say = (line: string): void => void process.stdout.write(`${line}\n`);
    say(`\n${bench} on ${on}: ${benches[bench].what}`);
    if (foreign > mostForeignLoad) {
      const sentence = `others use ${(foreign * 100).toFixed(0)} % of the machine`;
      if (!how.busy) throw new Error(`${sentence}; measure when it is quiet, or add --busy for a trial.`);
      result.refused.push(sentence);
    }
    if (how.profile) result.refused.push('the rooms were being profiled, which costs some 10 %');
    const { DATA_DIR: dataDir, BENCH_TIMESCALE_URL: timescaleUrl } = settings;
    await withBench({ result, ...how, dataDir, timescaleUrl, say }, benches[bench].run);
    say(result.refused.length === 0 ? 'done' : `these figures must not be used: ${result.refused.join('; ')}`);
    return result;
  }
}

/** The results that there are, each with the profiles of its run with --profile. */
function readResults(folder: string): BenchResult[] {
  const read = (path: string): BenchResult => JSON.parse(readFileSync(path, 'utf8')) as BenchResult;
  return readdirSync(folder)
    .filter((file) => file.endsWith('.json'))
    .map((file) => {
      const profiled = join(folder, 'profile', file);
      return { ...read(join(folder, file)), profiles: existsSync(profiled) ? read(profiled).profiles : [] };
    });
}

function whole(name: string, text: string | undefined, otherwise: number): number {
  const number = text === undefined ? otherwise : Number(text);
  if (!Number.isInteger(number) || number < 1 || number > 86_400)
    throw new SettingsError(`${name} is "${text}"; accepted is a whole number from 1 to 86400.`);
  return number;
}

try {
  await main();
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
