import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { cpus, release, totalmem } from 'node:os';
import { now, toTimestamp } from '../../core/clock.ts';
import { root } from './bench-process.ts';
import { findProgram } from './bench-broker.ts';
import type { Profile } from './profile.ts';

/** One figure of a result. */
export interface Measure {
  what: string;
  value: number;
  unit: string;
  /** 95 % bootstrap interval, for ratios. */
  low?: number;
  high?: number;
  /** The single repeats, in the order in which they were measured. */
  repeats?: number[];
  goal?: { text: string; met: boolean };
  note?: string;
  /** Why this one figure must not be used, though the others of its result may. */
  refused?: string;
}

/** A point of a curve: how a cost grows. */
export interface Curve {
  what: string;
  x: string;
  y: string;
  points: { x: number; y: number }[];
  exponent: number;
}

export interface BenchResult {
  name: string;
  engine: 'embedded' | 'timescale';
  started_at: string;
  /** How long all of it took. */
  seconds: number;
  /** --seconds and --repeats. */
  size: { seconds: number; repeats: number };
  /** Measured on a quiet machine (no --busy) and without --profile. */
  clean: boolean;
  seed: number;
  /** Commit of the code, with "+" when the working tree differs from it. */
  commit: string;
  machine: Machine;
  versions: Record<string, string>;
  /** Part of all cores that others used just before the run, 0 to 1. */
  foreign_load: number;
  measures: Measure[];
  curves: Curve[];
  /** Where rooms spent their time, of a run with --profile. */
  profiles: Profile[];
  /** Why the figures must not be used; empty when they may. */
  refused: string[];
  /** Whether it is only the machine's noise that refuses it, so that a second try may help. */
  only_noise: boolean;
  notes: string[];
}

export interface Machine {
  cpu: string;
  cores: number;
  memory_gib: number;
  kernel: string;
  node: string;
}

export function describeMachine(): Machine {
  return {
    cpu: cpus()[0]?.model ?? 'unknown',
    cores: cpus().length,
    memory_gib: Math.round(totalmem() / 2 ** 30),
    kernel: release(),
    node: process.version,
  };
}

export function describeCommit(): string {
  const git = (...parameters: string[]): string =>
    execFileSync('git', parameters, { cwd: root, encoding: 'utf8' }).trim();
  try {
    return `${git('rev-parse', '--short=10', 'HEAD')}${git('status', '--porcelain', '--untracked-files=no') === '' ? '' : '+'}`;
  } catch {
    // An unpacked archive has no history.
    return 'unknown';
  }
}

/** Versions of what was measured besides the database: our packages, and programs of the machine. */
export function describeVersions(): Record<string, string> {
  const versions: Record<string, string> = {};
  for (const name of ['mqtt', 'aedes', 'pg', 'pg-copy-streams', 'node-opcua', 'fastify', 'bullmq']) {
    versions[name] = (
      JSON.parse(readFileSync(`${root}/node_modules/${name}/package.json`, 'utf8')) as { version: string }
    ).version;
  }
  for (const [program, parameter] of [
    ['mosquitto', '-h'],
    ['psql', '--version'],
    ['telegraf', '--version'],
  ] as const) {
    const path = findProgram(program);
    if (path !== undefined) versions[program] = firstLine(path, parameter);
  }
  return versions;
}

function firstLine(program: string, parameter: string): string {
  try {
    return (
      execFileSync(program, [parameter], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).split('\n', 1)[0] ??
      ''
    );
  } catch (error) {
    // mosquitto -h ends with 3 after saying its version.
    return String((error as { stdout?: string }).stdout ?? '').split('\n', 1)[0] ?? '';
  }
}

export function newResult(
  name: string,
  engine: BenchResult['engine'],
  how: { seconds: number; repeats: number; clean: boolean },
): BenchResult {
  return {
    name,
    engine,
    started_at: toTimestamp(now()),
    seconds: 0,
    size: { seconds: how.seconds, repeats: how.repeats },
    clean: how.clean,
    seed: 1781,
    commit: describeCommit(),
    machine: describeMachine(),
    versions: describeVersions(),
    foreign_load: 0,
    measures: [],
    curves: [],
    profiles: [],
    refused: [],
    only_noise: true,
    notes: [],
  };
}
