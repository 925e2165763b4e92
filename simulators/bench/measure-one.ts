import { monotonic, pause } from '../../core/clock.ts';
import { benches, type BenchEngineName, type BenchName } from './benches.ts';
import { mostForeignLoad, withBench } from './context.ts';
import { createLoadMeter } from './process-usage.ts';
import { newResult, type BenchResult } from './result.ts';

export interface MeasureOptions {
  seconds: number;
  repeats: number;
  profile: boolean;
  /** Measure at once, whoever else uses the machine; the result is refused. */
  busy: boolean;
  limitSeconds: number;
  dataDir: string;
  timescaleUrl: string | undefined;
  signal: AbortSignal;
  say: (line: string) => void;
}

const quietWithinMs = 60_000;

/**
 * Measures one bench. Whatever happens, there is a result: one that failed, took too long or was disturbed says why it is
 * refused. Throws only when the whole bench is broken off, and never leaves anything running.
 */
export async function measureOne(
  name: BenchName,
  engine: BenchEngineName,
  options: MeasureOptions,
): Promise<BenchResult> {
  const { say, signal } = options;
  const result = newResult(name, engine, { ...options, clean: !options.busy && !options.profile });
  say(`\n${name} on ${engine}${options.profile ? ', profiled' : ''}: ${benches[name].what}`);
  const foreign = await waitForQuiet(options);
  if (signal.aborted) throw new Error('The bench was broken off.');
  if (options.busy) result.refused.push('measured with --busy, for a trial');
  else if (foreign > mostForeignLoad)
    result.refused.push(`others used ${(foreign * 100).toFixed(0)} % of the machine before the run`);
  if (options.profile) result.refused.push('the rooms were being profiled, which costs some 10 %');
  try {
    await withBench({ ...options, result }, benches[name].run);
  } catch (error) {
    if (signal.aborted)
      throw new Error('The bench was broken off; everything that it started has been stopped.', { cause: error });
    const reason = error instanceof Error ? error.message : String(error);
    say(error instanceof Error ? (error.stack ?? reason) : reason);
    result.refused.push(`it did not come to its end: ${reason.split('\n', 1)[0]}`);
    result.only_noise = false;
  }
  say(result.refused.length === 0 ? 'done' : `these figures must not be used: ${result.refused.join('; ')}`);
  return result;
}

/** Waits until others leave the machine alone, for a minute at most; answers what they use of it, 0 to 1. */
async function waitForQuiet({ busy, signal, say }: MeasureOptions): Promise<number> {
  const load = createLoadMeter();
  let foreign = 1;
  for (const began = monotonic(); !signal.aborted && monotonic() - began < quietWithinMs; ) {
    await pause(busy ? 100 : 2000, signal);
    foreign = load();
    if (busy || foreign <= mostForeignLoad) break;
    say(`waiting: others use ${(foreign * 100).toFixed(0)} % of the machine`);
  }
  return foreign;
}
