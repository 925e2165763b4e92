import { monotonic } from '../../core/clock.ts';
import { benches, type BenchEngineName, type BenchName } from './benches.ts';
import { forgetResults, keepResult, readResults } from './kept-results.ts';
import { measureOne, type MeasureOptions } from './measure-one.ts';
import { writeReport } from './report.ts';
import { newResult, type BenchResult } from './result.ts';

export interface AllOptions extends Omit<MeasureOptions, 'seconds' | 'repeats' | 'profile' | 'limitSeconds'> {
  /** Where results are kept. */
  folder: string;
  engines: readonly BenchEngineName[];
  /** Nothing is begun that would end after so many minutes. */
  budgetMinutes: number;
  seconds?: number;
  repeats?: number;
}

interface Step {
  name: BenchName;
  engine: BenchEngineName;
  isProfile: boolean;
}

/**
 * Measures everything, one thing after the other, and writes the page. A bench that fails or is disturbed does not stop
 * the others; one that only noise refuses gets a second try when there is time. Answers the exit code.
 */
export async function measureAll(options: AllOptions): Promise<number> {
  const { folder, engines, say } = options;
  forgetResults(folder);
  const began = monotonic();
  const elapsed = (): number => (monotonic() - began) / 60_000;
  const names = Object.keys(benches) as BenchName[];
  // Profiles right after the engine that the goals are set for: were the time used up, they would be missed most.
  const steps: Step[] = engines.flatMap((engine, index) => [
    ...names.map((name) => ({ name, engine, isProfile: false })),
    ...names
      .filter((name) => (index === 0 ? benches[name].profile : benches[name].profile?.everyEngine) !== undefined)
      .map((name) => ({ name, engine, isProfile: true })),
  ]);
  const expected = (some: readonly Step[]): number => some.reduce((sum, step) => sum + minutesOf(step), 0);
  say(`${steps.length} measurements, about ${Math.ceil(expected(steps))} minutes.`);
  const disturbed: Step[] = [];
  let refused = false;
  for (const [index, step] of steps.entries()) {
    const left = expected(steps.slice(index));
    say(`\n[${index + 1}/${steps.length}, ${elapsed().toFixed(0)} min so far, about ${left.toFixed(0)} min left]`);
    const result = await measureStep(step, options, options.budgetMinutes - elapsed());
    keepResult(folder, result, step.isProfile);
    if (step.isProfile || result.refused.length === 0) continue;
    if (result.only_noise && result.measures.length > 0 && !options.busy) disturbed.push(step);
    else refused = true;
  }
  for (const step of disturbed) {
    if (elapsed() + minutesOf(step) > options.budgetMinutes) {
      refused = true;
      continue;
    }
    say(`\nOnce more, because the machine was not quiet:`);
    const result = await measureStep(step, options, options.budgetMinutes - elapsed());
    result.notes.push('The first try was refused for noise; this is the second.');
    if (result.refused.length === 0) keepResult(folder, result, false);
    else refused = true;
  }
  writeReport(readResults(folder), options.busy ? folder : undefined);
  say(`${elapsed().toFixed(1)} minutes.`);
  return refused ? 3 : 0;
}

async function measureStep(step: Step, options: AllOptions, minutesLeft: number): Promise<BenchResult> {
  const { name, engine, isProfile } = step;
  const { seconds, repeats } = sizeOf(step, options);
  if (minutesOf(step) > minutesLeft) {
    const result = newResult(name, engine, { seconds, repeats, clean: false });
    result.refused.push(`not measured: the time of this run (--budget ${options.budgetMinutes} minutes) was used up`);
    result.only_noise = false;
    options.say(`${name} on ${engine}: not measured, the time is used up`);
    return result;
  }
  // Three times what it takes as a rule, so that what hangs does not use up the time of all others.
  const limitSeconds = Math.max(120, minutesOf(step) * 180);
  return measureOne(name, engine, { ...options, seconds, repeats, profile: isProfile, limitSeconds });
}

function sizeOf({ name, engine, isProfile }: Step, options: AllOptions): { seconds: number; repeats: number } {
  const entry = benches[name];
  const standard =
    isProfile && entry.profile !== undefined
      ? entry.profile
      : { seconds: entry.seconds[engine], repeats: entry.repeats };
  return { seconds: options.seconds ?? standard.seconds, repeats: options.repeats ?? standard.repeats };
}

const minutesOf = ({ name, engine, isProfile }: Step): number => {
  const { profile, minutes } = benches[name];
  return isProfile && profile !== undefined ? profile.minutes : minutes[engine];
};
