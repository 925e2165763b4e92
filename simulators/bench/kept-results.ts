import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { benches } from './benches.ts';
import { besideStore } from './goals.ts';
import type { BenchResult } from './result.ts';

/** Writes a result into its file: one of each bench and engine, those of --profile apart. */
export function keepResult(folder: string, result: BenchResult, isProfile: boolean): void {
  const file = `${result.name}-${result.engine}.json`;
  writeFileSync(isProfile ? join(folder, 'profile', file) : join(folder, file), `${JSON.stringify(result, null, 2)}\n`);
}

/** The results that there are, each with the profiles of its run with --profile. */
export function readResults(folder: string): BenchResult[] {
  const read = (path: string): BenchResult => JSON.parse(readFileSync(path, 'utf8')) as BenchResult;
  return readdirSync(folder)
    .filter((file) => file.endsWith('.json') && file !== 'benchmarks.json')
    .map((file) => {
      const profiled = join(folder, 'profile', file);
      if (!existsSync(profiled)) return { ...read(join(folder, file)), profiles: [] };
      const profile = read(profiled);
      // What the profile could not see is said beside it.
      const result = read(join(folder, file));
      const notes = profile.notes.filter((note) => note.includes('perf'));
      return withoutStore({ ...result, profiles: profile.profiles, notes: [...result.notes, ...notes] });
    })
    .sort((left, right) => orderOf(left) - orderOf(right));
}

/** As they are measured: TimescaleDB first. */
const orderOf = ({ name, engine }: BenchResult): number =>
  Object.keys(benches).indexOf(name) + (engine === 'timescale' ? 0 : 100);

const storeParts = ['ingest/store', 'ingest/ledger', 'package pg', 'package pg-protocol', 'package pg-copy-streams'];

/** Adds what ingest costs beside the store: its CPU without the part that the profile gives to the store. */
function withoutStore(result: BenchResult): BenchResult {
  const whole = result.measures.find(({ what }) => what.startsWith('10,000 items at 100 ms: CPU of ingest, the store'));
  const parts = result.profiles.find((profile) => profile.process === 'ingest')?.parts;
  if (whole === undefined || parts === undefined) return result;
  const store = parts.filter(({ name }) => storeParts.includes(name)).reduce((sum, { percent }) => sum + percent, 0);
  const value = whole.value * (1 - store / 100);
  const measure = {
    what: besideStore,
    value,
    unit: '% of a core',
    goal: { text: '≤ 15 % beside the store', met: value <= 15 },
    note: `by the profile ${store.toFixed(0)} % of the CPU of ingest are its store; what native code of Node does for it is not counted to it`,
  };
  return { ...result, measures: [...result.measures, measure] };
}

/** Takes away what earlier runs left, so that a page never mixes them. */
export function forgetResults(folder: string): void {
  for (const part of [folder, join(folder, 'profile')])
    for (const file of readdirSync(part)) if (file.endsWith('.json')) rmSync(join(part, file));
}
