import { lutimesSync, lstatSync, readFileSync, readlinkSync, renameSync, symlinkSync, unlinkSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { monotonic, now, pause } from '../../core/clock.ts';

const touchEveryMs = 2000;
/** A holder of another machine or container, of which nothing else is known, is gone when it has not touched its lock so long. */
const silentAfterMs = 15_000;

/**
 * Makes this process the only one that uses `folder`; throws a sentence when another one does. The lock is a symbolic
 * link, which is made whole or not at all, and says who holds it. One that its process left behind (kill -9, power cut)
 * is taken over: at once where the process can be looked for, else when it was not touched for 15 s.
 * Answers the function that gives it back.
 */
export async function lockFolder(folder: string, silentMs = silentAfterMs): Promise<() => void> {
  await mkdir(folder, { recursive: true });
  const path = join(folder, 'lock');
  const mine = `${process.pid} ${startOf(process.pid)} ${machine()}`;
  while (!make(path, mine)) {
    const holder = read(path);
    if (holder === undefined) continue;
    if (!(await isGone(path, holder, silentMs))) {
      const [pid] = holder.split(' ');
      throw new Error(
        `The journal in ${folder} is in use by process ${pid}; stop it, or give this one a GATEWAY_ID or DATA_DIR of its own.`,
      );
    }
    takeAway(path, holder);
  }
  const timer = setInterval(() => touch(path), touchEveryMs);
  timer.unref();
  return () => {
    clearInterval(timer);
    if (read(path) === mine) unlinkSync(path);
  };
}

async function isGone(path: string, holder: string, silentMs: number): Promise<boolean> {
  const [pid = '', start = '', ...where] = holder.split(' ');
  if (where.join(' ') === machine() && start !== unknownStart) return startOf(Number(pid)) !== start;
  // Its process cannot be looked for from here. The clocks may differ: what counts is that nothing changes.
  const touchedMs = touchedAt(path);
  for (const endMs = monotonic() + silentMs; monotonic() < endMs; ) {
    await pause(200);
    if (touchedAt(path) !== touchedMs) return read(path) === undefined;
  }
  return true;
}

function make(path: string, mine: string): boolean {
  try {
    symlinkSync(mine, path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

/** Of several that find the same lock left behind, one takes it away; whoever took a fresh one by mistake puts it back. */
function takeAway(path: string, holder: string): void {
  const aside = `${path}.${process.pid}`;
  try {
    renameSync(path, aside);
    if (read(aside) === holder) unlinkSync(aside);
    else renameSync(aside, path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
}

function read(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined;
  }
}

function touch(path: string): void {
  const seconds = now() / 1000;
  try {
    lutimesSync(path, seconds, seconds);
  } catch {
    // A disk that fails must not end the process, and a second one on this machine looks for the process itself.
  }
}

function touchedAt(path: string): number | undefined {
  return lstatSync(path, { throwIfNoEntry: false })?.mtimeMs;
}

const unknownStart = '-';

/** When a process of this machine was started, in ticks since the boot; empty when there is none. */
function startOf(pid: number): string {
  try {
    // The second field is the name in parentheses, which may hold anything; the 22nd is the start.
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)?.split(' ');
    return fields?.[0] === 'Z' ? '' : (fields?.[19] ?? '');
  } catch {
    return pid === process.pid ? unknownStart : '';
  }
}

/** Names the boot of the machine and the space in which process numbers mean anything, which each container has of its own. */
function machine(): string {
  try {
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
    return `${boot} ${readlinkSync('/proc/self/ns/pid')}`;
  } catch {
    return hostname();
  }
}
