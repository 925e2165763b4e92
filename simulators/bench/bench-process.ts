import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { environmentWith } from '../../core/settings.ts';

/** The project's folder. */
export const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

export interface BenchProcess {
  pid: number;
  /** What it said when it was ready. */
  detail: string;
  send(message: object): void;
  /** Sends a message and waits for the first answer that fits. Throws when the process ends before. */
  ask<Answer extends object>(message: object, fits: (answer: object) => boolean): Promise<Answer>;
  /** SIGTERM, and SIGKILL after ten seconds. */
  stop(): Promise<void>;
  ended: Promise<void>;
}

/** Everything that was started and still runs, so that nothing is left behind when a bench is broken off. */
const running = new Set<ChildProcess>();
let closed = false;

/** Counts a child among those that `endRunning` ends. Ends it at once when its bench was broken off meanwhile. */
export function track<Child extends ChildProcess>(child: Child): Child {
  if (closed) {
    child.kill('SIGKILL');
    throw new Error('The bench has ended; nothing more is started.');
  }
  running.add(child);
  child.once('exit', () => running.delete(child));
  return child;
}

/** Ends with SIGKILL what still runs, and lets nothing more be started until `allowStarts`. */
export async function endRunning(): Promise<void> {
  closed = true;
  const left = [...running];
  for (const child of left) child.kill('SIGKILL');
  await Promise.all(left.filter((child) => !hasEnded(child)).map((child) => once(child, 'exit')));
}

export function allowStarts(): void {
  closed = false;
}

const hasEnded = (child: ChildProcess): boolean => child.exitCode !== null || child.signalCode !== null;

/**
 * Starts a program of the project, a room or a helper of the bench, and waits until it says that it is ready. A process
 * that ends by itself fails whatever waits for it, with the last thing it said on standard error.
 */
export async function startProcess(options: {
  name: string;
  main: string;
  parameters?: string[];
  environment: Record<string, string>;
  readyWithinMs?: number;
}): Promise<BenchProcess> {
  const child = track(
    spawn(process.execPath, [join(root, options.main), ...(options.parameters ?? [])], {
      cwd: root,
      env: environmentWith({ LOG_LEVEL: 'warn', ...options.environment }) as NodeJS.ProcessEnv,
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    }),
  );
  let said = '';
  const keep = (chunk: Buffer): void => {
    said = (said + chunk.toString()).slice(-3000);
  };
  child.stderr?.on('data', keep);
  child.stdout?.on('data', keep);
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const failure = (): Error =>
    new Error(`${options.name} ended (${child.signalCode ?? child.exitCode}): ${said.trim()}`);
  const limit = options.readyWithinMs ?? 60_000;
  const ready = await waitForMessage<{ ready: true; detail?: string }>(
    child,
    (message) => 'ready' in message,
    failure,
    limit,
  );
  return {
    pid: child.pid ?? 0,
    detail: ready.detail ?? '',
    ended,
    // To one that has ended meanwhile nothing is said; whoever waits for its answer hears of the end.
    send: (message) => void (child.connected && child.send(message, () => undefined)),
    ask(message, fits) {
      const answer = waitForMessage<never>(child, fits, failure);
      if (child.connected) child.send(message, () => undefined);
      return answer;
    },
    async stop() {
      if (hasEnded(child)) return;
      const kill = setTimeout(() => child.kill('SIGKILL'), 10_000);
      child.kill('SIGTERM');
      await ended;
      clearTimeout(kill);
    },
  };
}

/** Runs a program of the project to its end. Throws what it said when it fails. */
export async function runProgram(
  main: string,
  parameters: string[],
  environment: Record<string, string>,
): Promise<string> {
  const child = track(
    spawn(process.execPath, [join(root, main), ...parameters], {
      cwd: root,
      env: environmentWith(environment) as NodeJS.ProcessEnv,
      stdio: ['ignore', 'pipe', 'pipe'],
    }),
  );
  let said = '';
  const keep = (chunk: Buffer): void => {
    said += chunk.toString();
  };
  child.stdout.on('data', keep);
  child.stderr.on('data', keep);
  const code = await new Promise<number | null>((resolve) => child.once('exit', resolve));
  if (code !== 0) throw new Error(`${main} ${parameters.join(' ')} ended with ${code}: ${said.trim().slice(-2000)}`);
  return said;
}

function waitForMessage<Answer extends object>(
  child: ChildProcess,
  fits: (message: object) => boolean,
  failure: () => Error,
  limitMs?: number,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const done = (): void => {
      child.off('message', onMessage);
      child.off('exit', onExit);
      clearTimeout(timer);
    };
    const onMessage = (message: object): void => {
      if (!fits(message)) return;
      done();
      resolve(message as Answer);
    };
    const onExit = (): void => {
      done();
      reject(failure());
    };
    const timer = limitMs === undefined ? undefined : setTimeout(onExit, limitMs);
    child.on('message', onMessage);
    child.on('exit', onExit);
    if (hasEnded(child)) onExit();
  });
}
