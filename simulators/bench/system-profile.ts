import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join, relative } from 'node:path';
import { promisify } from 'node:util';
import { findProgram } from './bench-broker.ts';
import { root, track } from './bench-process.ts';
import type { Profile } from './profile.ts';
import type { BenchResult } from './result.ts';

/**
 * Runs `work` while perf samples the whole machine 199 times a second and core (cpu-clock, which also virtual machines
 * have), and adds what it saw to the profiles: which programs had the cores, and which functions of the database. Without
 * perf on the PATH, or without the right to sample others, the result says so and only rooms are profiled.
 */
export async function profileSystem<Answer>(
  result: BenchResult,
  folder: string,
  work: () => Promise<Answer>,
): Promise<Answer> {
  const perf = findProgram('perf');
  if (perf === undefined) {
    result.notes.push('perf is not on the PATH, so only the rooms were profiled, not the database and the broker.');
    return work();
  }
  const file = join(folder, 'perf.data');
  const recorder = track(
    spawn(perf, ['record', '-q', '-a', '-F', '199', '-e', 'cpu-clock', '-o', file], { stdio: 'ignore' }),
  );
  const ended = once(recorder, 'exit');
  try {
    return await work();
  } finally {
    recorder.kill('SIGINT');
    await ended;
    const report = (...how: string[]): Promise<string> =>
      promisify(execFile)(perf, ['report', '-i', file, '--stdio', '-t', '|', ...how], { maxBuffer: 64 * 2 ** 20 }).then(
        ({ stdout }) => stdout,
        () => '',
      );
    const profiles = readPerfReport(await report('--sort', 'comm,sym', '-F', 'overhead,comm,sym'));
    // What perf calls a pid is a thread.
    const busiest = busiestThread(await report('--sort', 'pid', '-F', 'overhead,pid'), cpus().length);
    if (profiles[0] !== undefined && busiest !== undefined) {
      const name = `${busiest.program}${programOf(busiest.thread)}`;
      profiles[0].busiest_thread = { name, percent: busiest.percent };
    }
    if (profiles.length === 0)
      result.notes.push('perf may not sample other processes here, so only the rooms were profiled.');
    result.profiles.push(...profiles);
  }
}

/** The thread with the largest share, as a share of one core. */
export function busiestThread(
  text: string,
  cores: number,
): { program: string; thread: number; percent: number } | undefined {
  return [...text.matchAll(/^\s*([\d.]+)%\s*\|\s*(\d+):(.+?)\s*$/gm)]
    .map((match) => ({ program: match[3] ?? '', thread: Number(match[2]), percent: Number(match[1]) * cores }))
    .filter(({ program }) => program !== 'swapper' && !program.startsWith('perf'))
    .sort((left, right) => right.percent - left.percent)[0];
}

/** Which room a thread belongs to, if to any; nothing when it has ended. */
function programOf(thread: number): string {
  try {
    const words = readFileSync(`/proc/${thread}/cmdline`, 'utf8').split('\0');
    const main = words.find((word) => word.endsWith('.ts'));
    return main === undefined ? '' : ` of ${relative(root, main)}`;
  } catch {
    return '';
  }
}

/** Shares of the time in which a core was not idle: of programs, and of the functions of database and broker. */
export function readPerfReport(text: string): Profile[] {
  const rows = [...text.matchAll(/^\s*([\d.]+)%\s*\|([^|]+)\|\s*\[(.)\]\s*(.+?)\s*$/gm)].map((match) => ({
    percent: Number(match[1]),
    program: (match[2] ?? '').trim(),
    where: match[3] === 'k' ? 'kernel' : 'program',
    name: match[4] ?? '',
  }));
  const idle = (row: { program: string }): boolean => row.program === 'swapper' || row.program.startsWith('perf');
  const busy = rows.filter((row) => !idle(row));
  const sum = (some: readonly { percent: number }[]): number => some.reduce((total, { percent }) => total + percent, 0);
  const all = sum(busy);
  if (all === 0) return [];
  const programs = [...Map.groupBy(busy, ({ program }) => program)]
    .map(([name, own]) => ({ name, where: '', percent: (sum(own) / all) * 100 }))
    .sort((left, right) => right.percent - left.percent);
  const asleep = sum(rows.filter(({ program }) => program === 'swapper'));
  const profiles: Profile[] = [
    {
      process: 'the whole machine by program',
      functions: programs.filter(({ percent }) => percent >= 1),
      idle_percent: asleep,
      note: `${asleep.toFixed(0)} % of the cores' time was idle; the percents are of the rest. Threads named MainThread, node, V8Worker and libuv-worker are Node's.`,
    },
  ];
  for (const program of ['postgres', 'mosquitto']) {
    const own = busy.filter((row) => row.program === program);
    if (sum(own) / all < 0.05) continue;
    profiles.push({
      process: program,
      functions: own
        .sort((left, right) => right.percent - left.percent)
        .slice(0, 15)
        .map(({ name, where, percent }) => ({ name, where, percent: (percent / sum(own)) * 100 })),
    });
  }
  return profiles;
}
