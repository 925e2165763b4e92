import { mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import { monotonic } from '../../core/clock.ts';
import type { Plant } from '../../core/plant/plant-document.ts';
import { openBenchDatabase, type BenchDatabase, type BenchEngine } from './bench-database.ts';
import { startBenchBroker, type BenchBroker } from './bench-broker.ts';
import { startProcess, type BenchProcess } from './bench-process.ts';
import { cpus } from 'node:os';
import { busySeconds, familyUsage } from './process-usage.ts';
import { profileEnvironment, readProfile } from './profile.ts';
import type { BenchResult, Measure } from './result.ts';

/** What every bench works with; everything that is started through it is stopped at the end, also after a failure. */
export interface Bench {
  engine: BenchEngine;
  /** Length of one measurement, in seconds: --seconds. */
  seconds: number;
  /** Interleaved pairs: --repeats. */
  repeats: number;
  dataDir: string;
  result: BenchResult;
  say(line: string): void;
  /** Records a figure, and shows it. */
  measure(measure: Measure): void;
  /** Records why the figures must not be used. */
  refuse(reason: string): void;
  database(plant?: Plant): Promise<BenchDatabase>;
  broker(kind: 'stock' | 'roomy'): Promise<BenchBroker>;
  /** A room, or a helper, as a process of its own. */
  room(main: string, environment: Record<string, string>, parameters?: string[]): Promise<BenchProcess>;
  /** Stops something earlier than at the end. */
  stop(started: BenchProcess | BenchBroker | BenchDatabase): Promise<void>;
  /** Run at the end, last one first. */
  atEnd(close: () => Promise<void>): void;
}

/** Others may use so much of the machine before and during a run; above it, figures are about them. */
export const mostForeignLoad = 0.1;

/** Runs `work` with a bench, and stops everything that it started. */
export async function withBench(
  options: {
    result: BenchResult;
    seconds: number;
    repeats: number;
    dataDir: string;
    timescaleUrl: string | undefined;
    /** Rooms write CPU profiles, which cost some 10 %: for looking, not for figures. */
    profile: boolean;
    say: (line: string) => void;
  },
  work: (bench: Bench) => Promise<void>,
): Promise<void> {
  const { result, say, dataDir } = options;
  const started = monotonic();
  const closers: { of: object; close: () => Promise<void> }[] = [];
  const busyBefore = busySeconds();
  const ownBefore = familyUsage(process.pid).cpu_seconds;
  // A database server that is no child of this process.
  let serverSeconds = 0;
  const seconds = (): string => ((monotonic() - started) / 1000).toFixed(0).padStart(4);
  const tell = (line: string): void => say(`${seconds()} s  ${line}`);
  const bench: Bench = {
    engine: result.engine,
    seconds: options.seconds,
    repeats: options.repeats,
    dataDir,
    result,
    say: tell,
    measure(measure) {
      result.measures.push(measure);
      tell(describeMeasure(measure));
    },
    refuse(reason) {
      result.refused.push(reason);
      tell(`REFUSED: ${reason}`);
    },
    async database(plant) {
      tell(`starting a database (${result.engine})`);
      const database = await openBenchDatabase({
        engine: result.engine,
        timescaleUrl: options.timescaleUrl,
        dataDir,
        ...(plant !== undefined && { plant }),
      });
      const before = database.usage().cpu_seconds;
      const close = async (): Promise<void> => {
        if (result.engine === 'timescale') serverSeconds += database.usage().cpu_seconds - before;
        await database.close();
      };
      closers.push({ of: database, close });
      result.versions['database'] = database.version;
      return database;
    },
    async broker(kind) {
      const broker = await startBenchBroker(kind, dataDir);
      closers.push({ of: broker, close: () => broker.stop() });
      result.versions['broker'] = broker.version;
      return broker;
    },
    async room(main, environment, parameters = []) {
      const folder = options.profile && isRoom(main) ? mkdtempSync(join(dataDir, 'bench-profile-')) : undefined;
      const profiled = folder === undefined ? environment : { ...environment, ...profileEnvironment(folder) };
      const room = await startProcess({ name: main, main, parameters, environment: profiled });
      const close = async (): Promise<void> => {
        await room.stop();
        const profile = folder === undefined ? undefined : readProfile(main.replace('/main.ts', ''), folder);
        if (profile === undefined) return;
        result.profiles.push(profile);
        for (const { name, where, percent } of profile.functions)
          tell(`${percent.toFixed(1).padStart(5)} %  ${name}  ${where}`);
      };
      closers.push({ of: room, close });
      return room;
    },
    async stop(of) {
      const index = closers.findIndex((closer) => closer.of === of);
      if (index >= 0) await closers.splice(index, 1)[0]?.close();
    },
    atEnd: (close) => void closers.push({ of: close, close }),
  };
  try {
    await work(bench);
  } finally {
    for (const { close } of closers.reverse())
      await close().catch((error: Error) => tell(`could not be stopped: ${error.message}`));
    result.seconds = Math.round((monotonic() - started) / 1000);
    const own = familyUsage(process.pid).cpu_seconds - ownBefore + serverSeconds;
    const foreign = (busySeconds() - busyBefore - own) / Math.max(1, result.seconds) / cpus().length;
    result.foreign_load = Math.max(result.foreign_load, foreign);
    tell(`others used ${Math.max(0, foreign * 100).toFixed(0)} % of the machine meanwhile`);
    if (foreign > mostForeignLoad)
      result.refused.push(`others used ${(foreign * 100).toFixed(0)} % of the machine during the run`);
  }
}

const isRoom = (main: string): boolean => ['ingest/main.ts', 'analytics/main.ts', 'api/main.ts'].includes(main);

/** A figure in one line. */
export function describeMeasure({ what, value, unit, low, high, goal, note }: Measure): string {
  const interval = low !== undefined && high !== undefined ? ` [${showNumber(low)} – ${showNumber(high)}]` : '';
  const verdict = goal === undefined ? '' : `  (goal ${goal.text}: ${goal.met ? 'reached' : 'NOT reached'})`;
  return `${what}: ${showNumber(value)}${unit === '' ? '' : ` ${unit}`}${interval}${verdict}${note === undefined ? '' : `  ${note}`}`;
}

/** Three digits that matter, thousands apart. */
export function showNumber(value: number): string {
  if (!Number.isFinite(value)) return String(value);
  const size = Math.abs(value);
  if (size >= 1000) return Math.round(value).toLocaleString('en');
  return String(Number(value.toPrecision(3)));
}
