import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
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
    .filter((file) => file.endsWith('.json'))
    .map((file) => {
      const profiled = join(folder, 'profile', file);
      if (!existsSync(profiled)) return { ...read(join(folder, file)), profiles: [] };
      const profile = read(profiled);
      // What the profile could not see is said beside it.
      const result = read(join(folder, file));
      const notes = profile.notes.filter((note) => note.includes('perf'));
      return { ...result, profiles: profile.profiles, notes: [...result.notes, ...notes] };
    });
}

/** Takes away what earlier runs left, so that a page never mixes them. */
export function forgetResults(folder: string): void {
  for (const part of [folder, join(folder, 'profile')])
    for (const file of readdirSync(part)) if (file.endsWith('.json')) rmSync(join(part, file));
}
