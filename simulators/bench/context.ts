import { mkdtempSync } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { monotonic, now, pause } from '../../core/clock.ts';
import type { Plant } from '../../core/plant/plant-document.ts';
import { openBenchDatabase, type BenchDatabase, type BenchEngine } from './bench-database.ts';
import { startBenchBroker, type BenchBroker, type BrokerKind } from './bench-broker.ts';
import { allowStarts, endRunning, startProcess, type BenchProcess } from './bench-process.ts';
import { busySeconds, familyUsage } from './process-usage.ts';
import { profileEnvironment, readProfile } from './profile.ts';
import type { BenchResult, Measure } from './result.ts';
import { sameThingDifference } from './statistics.ts';
import { profileSystem } from './system-profile.ts';

/** What every bench works with; everything that is started through it is stopped at the end, also after a failure. */
export interface Bench {
  engine: BenchEngine;
  /** Length of one measurement, in seconds: --seconds. */
  seconds: number;
  /** Interleaved pairs: --repeats. */
  repeats: number;
  /** A run for its profile: what is measured only as a figure may be left out. */
  isProfile: boolean;
  /** A folder of this run alone, removed at its end. */
  runDir: string;
  result: BenchResult;
  say(line: string): void;
  /** Records a figure, and shows it. */
  measure(measure: Measure): void;
  /** Records why the figures must not be used: a gate that failed. */
  refuse(reason: string): void;
  /**
   * Compares two measurements of the same thing and records by how much they differ; above 10 % all figures are refused.
   * Fewer than two of each say nothing and are not compared.
   */
  compareSame(what: string, first: readonly number[], second: readonly number[]): void;
  database(plant?: Plant): Promise<BenchDatabase>;
  broker(kind: BrokerKind): Promise<BenchBroker>;
  /** A room, or a helper, as a process of its own. */
  room(main: string, environment: Record<string, string>, parameters?: string[]): Promise<BenchProcess>;
  /** Stops something earlier than at the end. */
  stop(started: BenchProcess | BenchBroker | BenchDatabase): Promise<void>;
  /** Run at the end, last one first. */
  atEnd(close: () => Promise<void>): void;
  /** The present part of the run, between warm-up and end, for the profile of the whole machine. */
  profiled<Answer>(work: () => Promise<Answer>): Promise<Answer>;
}

export interface BenchOptions {
  result: BenchResult;
  seconds: number;
  repeats: number;
  dataDir: string;
  timescaleUrl: string | undefined;
  /** Rooms write CPU profiles, which cost some 10 %: for looking, not for figures. */
  profile: boolean;
  /** A run that takes longer is broken off, and its result says so. */
  limitSeconds: number;
  /** Breaks the run off; everything is stopped before `withBench` rejects. */
  signal: AbortSignal;
  say: (line: string) => void;
}

/** Others may use so much of the machine before and during a run; above it, figures are about them. */
export const mostForeignLoad = 0.1;
const mostDifference = 0.1;
const closeLimitMs = 30_000;

/** Runs `work` with a bench, and stops everything that it started. */
export async function withBench(options: BenchOptions, work: (bench: Bench) => Promise<void>): Promise<void> {
  const { result, dataDir } = options;
  const started = monotonic();
  const runDir = join(dataDir, 'bench', `run-${now()}`);
  // Others may enter, because the embedded PostgreSQL does not run as root.
  await mkdir(runDir, { recursive: true, mode: 0o755 });
  allowStarts();
  const closers: { of: object; close: () => Promise<void> }[] = [];
  const busyBefore = busySeconds();
  const ownBefore = familyUsage(process.pid).cpu_seconds;
  // A database server that is no child of this process.
  let serverSeconds = 0;
  const tell = (line: string): void =>
    options.say(`${((monotonic() - started) / 1000).toFixed(0).padStart(4)} s  ${line}`);
  const bench: Bench = {
    engine: result.engine,
    seconds: options.seconds,
    repeats: options.repeats,
    isProfile: options.profile,
    runDir,
    result,
    say: tell,
    measure(measure) {
      result.measures.push(measure);
      tell(describeMeasure(measure));
    },
    refuse(reason) {
      result.refused.push(reason);
      result.only_noise = false;
      tell(`REFUSED: ${reason}`);
    },
    compareSame(what, first, second) {
      if (first.length < 2 || second.length < 2) return;
      const difference = sameThingDifference(first, second);
      bench.measure({ what: `A/A: ${what}`, value: difference * 100, unit: '%' });
      if (difference <= mostDifference) return;
      const reason = `two measurements of the same thing (${what}) differ by ${(difference * 100).toFixed(0)} %`;
      result.refused.push(reason);
      tell(`REFUSED: ${reason}`);
    },
    async database(plant) {
      tell(`starting a database (${result.engine})`);
      const database = await openBenchDatabase({
        engine: result.engine,
        timescaleUrl: options.timescaleUrl,
        runDir,
        ...(plant !== undefined && { plant }),
      });
      const close = async (): Promise<void> => {
        await database.close();
        // Making and dropping the database is our work too.
        if (result.engine === 'timescale') serverSeconds += database.usage().cpu_seconds - database.cpu_seconds_before;
      };
      closers.push({ of: database, close });
      result.versions['database'] = database.version;
      return database;
    },
    async broker(kind) {
      const broker = await startBenchBroker(kind, runDir);
      closers.push({ of: broker, close: () => broker.stop() });
      result.versions['broker'] = broker.version;
      return broker;
    },
    async room(main, environment, parameters = []) {
      const folder = options.profile && isRoom(main) ? mkdtempSync(join(runDir, 'profile-')) : undefined;
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
    profiled: (run) => (options.profile ? profileSystem(result, runDir, run) : run()),
  };
  try {
    await breakable(work(bench), options);
  } finally {
    const broken = options.signal.aborted;
    for (const { close } of closers.reverse())
      await within(close(), broken ? 3000 : closeLimitMs).catch((error: Error) =>
        tell(`could not be stopped: ${error.message}`),
      );
    await endRunning();
    await rm(runDir, { recursive: true, force: true, maxRetries: 5 });
    result.seconds = Math.round((monotonic() - started) / 1000);
    const own = familyUsage(process.pid).cpu_seconds - ownBefore + serverSeconds;
    result.foreign_load = (busySeconds() - busyBefore - own) / Math.max(1, result.seconds) / cpus().length;
    const percent = Math.max(0, result.foreign_load * 100).toFixed(0);
    tell(`others used ${percent} % of the machine meanwhile`);
    if (result.foreign_load > mostForeignLoad)
      result.refused.push(`others used ${percent} % of the machine during the run`);
  }
}

/** The work, or the reason for which it is broken off. What it still does then fails, because nothing more is started. */
async function breakable(work: Promise<void>, { signal, limitSeconds }: BenchOptions): Promise<void> {
  work.catch(() => undefined);
  const ended = new AbortController();
  const limit = pause(limitSeconds * 1000, ended.signal).then(() => {
    throw new Error(`it took longer than ${limitSeconds} s and was broken off`);
  });
  limit.catch(() => undefined);
  const interrupted = new Promise<never>((_, reject) => {
    const stop = (): void => reject(new Error('it was broken off'));
    if (signal.aborted) stop();
    signal.addEventListener('abort', stop, { once: true });
  });
  interrupted.catch(() => undefined);
  try {
    await Promise.race([work, limit, interrupted]);
  } finally {
    ended.abort();
  }
}

async function within(work: Promise<void>, limitMs: number): Promise<void> {
  work.catch(() => undefined);
  const ended = new AbortController();
  const limit = pause(limitMs, ended.signal).then(() => {
    throw new Error(`no end within ${limitMs / 1000} s`);
  });
  limit.catch(() => undefined);
  await Promise.race([work, limit]).finally(() => ended.abort());
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
