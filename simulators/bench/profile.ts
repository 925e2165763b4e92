import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { root } from './bench-process.ts';

/** Where a process spent its CPU time: functions by their own share, the largest first. */
export interface Profile {
  process: string;
  functions: { name: string; where: string; percent: number }[];
  note?: string;
  /** Of a profile of the whole machine: how much of the cores' time nobody used. */
  idle_percent?: number;
  /** The same: the thread that used most of one core, and how much of it. */
  busiest_thread?: { name: string; percent: number };
  /** The same by folder of the project, or by package. */
  parts?: { name: string; percent: number }[];
}

interface CpuProfile {
  nodes: { id: number; callFrame: { functionName: string; url: string; lineNumber: number } }[];
  samples: number[];
  timeDeltas: number[];
}

/** What a process must be started with so that it writes a profile into `folder` when it ends. */
export const profileEnvironment = (folder: string): Record<string, string> => ({
  NODE_OPTIONS: `--cpu-prof --cpu-prof-interval=500 --cpu-prof-dir=${folder}`,
});

/** Reads the profiles that a process has left in `folder`; undefined when there is none. Idle time is left out. */
export function readProfile(name: string, folder: string, most = 15): Profile | undefined {
  const files = readdirSync(folder).filter((file) => file.endsWith('.cpuprofile'));
  const profiles = files.map((file) => JSON.parse(readFileSync(join(folder, file), 'utf8')) as CpuProfile);
  if (profiles.length === 0) return undefined;
  const all = summarise(profiles, Number.POSITIVE_INFINITY);
  const parts = [...Map.groupBy(all, ({ name: own, where }) => partOf(own, where))]
    .map(([part, own]) => ({ name: part, percent: own.reduce((sum, { percent }) => sum + percent, 0) }))
    .sort((left, right) => right.percent - left.percent)
    .filter(({ percent }) => percent >= 1);
  return { process: name, functions: all.slice(0, most), parts };
}

/** Loading and compiling modules is left out: it happens once, and runs here are short. */
const startUs = 3e6;

/** Own time of each function over all threads, in percent of the time that was not idle, after the first three seconds. */
export function summarise(profiles: readonly CpuProfile[], most: number): Profile['functions'] {
  const times = new Map<string, { name: string; where: string; time: number }>();
  let busy = 0;
  for (const { nodes, samples, timeDeltas } of profiles) {
    const byId = new Map(nodes.map((node) => [node.id, node.callFrame]));
    let sinceStart = 0;
    for (const [index, id] of samples.entries()) {
      const frame = byId.get(id);
      const time = timeDeltas[index] ?? 0;
      sinceStart += time;
      if (sinceStart < startUs) continue;
      if (frame === undefined || frame.functionName === '(idle)' || time < 0) continue;
      busy += time;
      const where = place(frame.url, frame.lineNumber);
      const key = `${frame.functionName} ${where}`;
      const entry = times.get(key) ?? {
        name: frame.functionName === '' ? '(anonymous)' : frame.functionName,
        where,
        time: 0,
      };
      entry.time += time;
      times.set(key, entry);
    }
  }
  return [...times.values()]
    .sort((left, right) => right.time - left.time)
    .slice(0, most)
    .map(({ name, where, time }) => ({ name, where, percent: (time / Math.max(1, busy)) * 100 }));
}

/** `ingest/store/batch.ts:9` is of ingest/store, `pg/lib/client.js:1` of the package pg, `(garbage collector)` of itself. */
export function partOf(name: string, where: string): string {
  if (where === '') return name.startsWith('(') ? name : 'Node (native)';
  if (where.startsWith('node:')) return 'Node';
  const [path = ''] = where.split(':', 1);
  const folders = path.split('/');
  const isOurs = ['ingest', 'analytics', 'api', 'core'].includes(folders[0] ?? '');
  if (isOurs) return folders.slice(0, Math.min(3, folders.length - 1)).join('/');
  return `package ${folders[0]?.startsWith('@') === true ? `${folders[0]}/${folders[1]}` : (folders[0] ?? '')}`;
}

function place(url: string, line: number): string {
  if (!url.startsWith('file:')) return url;
  const path = relative(root, fileURLToPath(url));
  const packages = path.lastIndexOf('node_modules/');
  return `${packages < 0 ? path : path.slice(packages + 'node_modules/'.length)}:${line + 1}`;
}
