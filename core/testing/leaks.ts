import type { Worker } from 'node:worker_threads';
import { afterAll, beforeAll } from 'vitest';

// Vitest setup file: a test file that leaves a pool, timer, worker, child process or socket behind fails. Such a leak
// keeps a process from ending, and in a room it would be a connection or a timer too many for every reconnect.

/**
 * Kinds of resources that may be there after a file: the channel to vitest's main process and the pipes of standard
 * output (PipeWrap, TTYWrap; a child process shows as ProcessWrap besides), file and name requests in
 * flight, which end by themselves, and the signal handlers of a room that ran in this process.
 * Timers are counted apart, because vitest's own stand in the same list.
 */
const allowed = new Set([
  'PipeWrap',
  'TTYWrap',
  'FSReqCallback',
  'FSReqPromise',
  'FileHandleCloseReq',
  'CloseReq',
  'GetAddrInfoReqWrap',
  'SignalWrap',
  'Immediate',
  'Timeout',
]);

const timers = new Set<NodeJS.Timeout>();
const workers = new Set<Worker>();
let before = new Map<string, number>();

beforeAll(() => {
  watchTimers();
  // Threads are not in the list of resources either.
  process.on('worker', (worker: Worker) => {
    workers.add(worker);
    worker.once('exit', () => workers.delete(worker));
  });
  before = countResources();
});

afterAll(async () => {
  // What was just opened or closed shows only some turns of the event loop later.
  const deadline = performance.now() + 2000;
  let leaked: string[];
  do {
    await new Promise((resolve) => setImmediate(resolve));
    leaked = leakedResources();
  } while (leaked.length > 0 && performance.now() < deadline);
  if (leaked.length > 0) {
    throw new Error(
      `This file left open: ${leaked.join(', ')}. Close what its tests open (pools, timers, workers, children, sockets).`,
    );
  }
});

/** What is open now and was not before the file's tests, such as `2 TCPSocketWrap`. */
function leakedResources(): string[] {
  const leaked: string[] = [];
  for (const [kind, count] of countResources()) {
    const more = count - (before.get(kind) ?? 0);
    if (more > 0) leaked.push(`${more} ${kind}`);
  }
  return leaked;
}

function countResources(): Map<string, number> {
  const counts = new Map<string, number>();
  for (const kind of process.getActiveResourcesInfo()) {
    if (!allowed.has(kind)) counts.set(kind, (counts.get(kind) ?? 0) + 1);
  }
  for (const timer of timers) if (!isPending(timer)) timers.delete(timer);
  if (workers.size > 0) counts.set('worker thread', workers.size);
  if (timers.size > 0) counts.set(`timer (${[...timers].map(describeTimer).join('; ')})`, timers.size);
  return counts;
}

/** Vitest keeps the original functions for itself, so only the timers of tests and of what they call pass here. */
function watchTimers(): void {
  for (const name of ['setTimeout', 'setInterval'] as const) {
    const original = globalThis[name] as (...given: unknown[]) => NodeJS.Timeout;
    const watched = (...given: unknown[]): NodeJS.Timeout => {
      const timer = original(...given);
      timers.add(timer);
      return timer;
    };
    // util.promisify and `setTimeout.__promisify__` look for these on the function.
    globalThis[name] = Object.assign(watched, original) as unknown as typeof setTimeout & typeof setInterval;
  }
}

/** A timer that was neither cleared nor has fired for the last time, and that keeps the process alive. */
function isPending(timer: NodeJS.Timeout): boolean {
  return timer.hasRef() && (timer as unknown as { _destroyed: boolean })._destroyed !== true;
}

function describeTimer(timer: NodeJS.Timeout): string {
  const { _repeat, _idleTimeout } = timer as unknown as { _repeat: number | null; _idleTimeout: number };
  return `${_repeat === null ? 'once' : 'repeating'} after ${_idleTimeout} ms`;
}
