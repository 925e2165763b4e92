import { readdirSync, readFileSync } from 'node:fs';

/** What a process has used since it began: CPU seconds and memory at this moment. */
export interface Usage {
  cpu_seconds: number;
  rss_bytes: number;
}

/**
 * Memory of a process with its share of what it shares with others (PSS): summed over processes it is what they take
 * together, where RSS counts Node's own 50 MB of code once for each. RSS where the kernel does not say it.
 */
export function processMemory(pid: number): number {
  try {
    const pss = /^Pss:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))?.[1];
    return pss === undefined ? processUsage(pid).rss_bytes : Number(pss) * 1024;
  } catch {
    return processUsage(pid).rss_bytes;
  }
}

// The unit of /proc/<pid>/stat; Linux answers 100 on every architecture that Node runs on.
const ticksPerSecond = 100;
const pageBytes = 4096;

/** Usage of one process; zero when it is gone. */
export function processUsage(pid: number): Usage {
  const stat = readStat(pid);
  if (stat === undefined) return { cpu_seconds: 0, rss_bytes: 0 };
  return { cpu_seconds: (stat.utime + stat.stime) / ticksPerSecond, rss_bytes: stat.rss * pageBytes };
}

/**
 * Usage of a process with all its children, those that have ended included: how PostgreSQL is measured, whose every
 * connection is a process. Shared memory is counted once for each process that touched it, so the memory is an upper bound.
 */
export function familyUsage(pid: number): Usage {
  const children = new Map<number, number[]>();
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    const stat = readStat(Number(name));
    if (stat !== undefined) children.set(stat.parent, [...(children.get(stat.parent) ?? []), Number(name)]);
  }
  const sum: Usage = { cpu_seconds: 0, rss_bytes: 0 };
  const queue = [pid];
  for (let next = queue.pop(); next !== undefined; next = queue.pop()) {
    const stat = readStat(next);
    if (stat === undefined) continue;
    sum.cpu_seconds += (stat.utime + stat.stime + stat.childrenTime) / ticksPerSecond;
    sum.rss_bytes += stat.rss * pageBytes;
    queue.push(...(children.get(next) ?? []));
  }
  return sum;
}

/** The parent of a process, or undefined when it is gone. */
export function parentOf(pid: number): number | undefined {
  return readStat(pid)?.parent;
}

/** The part of all cores that is in use, 0 to 1, between two calls. */
export function createLoadMeter(): () => number {
  let before = readTotals();
  return () => {
    const after = readTotals();
    const busy = 1 - (after.idle - before.idle) / Math.max(1, after.total - before.total);
    before = after;
    return busy;
  };
}

/** CPU seconds that all cores together have been busy since the machine started. */
export function busySeconds(): number {
  const { idle, total } = readTotals();
  return (total - idle) / ticksPerSecond;
}

function readTotals(): { idle: number; total: number } {
  const numbers = (readFileSync('/proc/stat', 'utf8').split('\n', 1)[0] ?? '').trim().split(/\s+/).slice(1).map(Number);
  return { idle: (numbers[3] ?? 0) + (numbers[4] ?? 0), total: numbers.reduce((sum, number) => sum + number, 0) };
}

function readStat(
  pid: number,
): { parent: number; utime: number; stime: number; childrenTime: number; rss: number } | undefined {
  let text: string;
  try {
    text = readFileSync(`/proc/${pid}/stat`, 'utf8');
  } catch {
    return undefined;
  }
  // The second field is the program's name in parentheses and may hold anything.
  const fields = text
    .slice(text.lastIndexOf(')') + 2)
    .split(' ')
    .map(Number);
  const field = (number: number): number => fields[number - 3] ?? 0;
  return { parent: field(4), utime: field(14), stime: field(15), childrenTime: field(16) + field(17), rss: field(24) };
}
