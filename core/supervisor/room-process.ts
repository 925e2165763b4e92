import { spawn, type ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { monotonic, pause } from '../clock.ts';
import { environmentWith } from '../settings.ts';
import { retryDelay } from '../retry.ts';
import { openLogFile } from './log-file.ts';

export interface RoomProcess {
  name: string;
  /** What the room said when it was ready. */
  detail: string;
  stop(limitMs: number): Promise<void>;
}

export interface RoomOptions {
  name: string;
  /** Path of the room's main file, relative to the project. */
  main: string;
  parameters?: string[];
  environment: Record<string, string>;
  /** The project's folder. */
  root: string;
  logDir: string;
  readyWithinMs: number;
  /** One line for the person who started Millrace. */
  tell: (line: string) => void;
}

/**
 * Starts a room as a process of its own and waits until it says that it is ready. Afterwards a room that ends by itself
 * is started again, with growing delays. Its log goes to `logDir/<name>.log`; warnings and errors are also told.
 * Throws the room's own last sentence when it ends before it is ready.
 */
export async function startRoom(options: RoomOptions): Promise<RoomProcess> {
  const { name, tell } = options;
  const log = openLogFile(options.logDir, name);
  const stopping = new AbortController();
  let child = launch();
  const detail = await untilReady(child, options).catch((error: unknown) => {
    log.close();
    throw error;
  });
  const stopped = keepRunning();

  function launch(): ChildProcess {
    const started = spawn(process.execPath, [join(options.root, options.main), ...(options.parameters ?? [])], {
      cwd: options.root,
      env: environmentWith(options.environment) as NodeJS.ProcessEnv,
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      // A process group of its own: Ctrl-C reaches only the supervisor, which then stops the rooms in order.
      detached: true,
    });
    started.stdout?.on('data', (chunk: Buffer) => {
      log.write(chunk);
      for (const line of chunk.toString().split('\n')) tellWarning(name, line, tell);
    });
    started.stderr?.on('data', (chunk: Buffer) => log.write(chunk));
    // Whoever waits for its end is told too; nobody listening would end the supervisor, and the plant with it.
    started.on('error', (error) => log.write(Buffer.from(`${error.message}\n`)));
    return started;
  }

  async function keepRunning(): Promise<void> {
    let ended = endOf(child);
    for (let attempt = 1; ; attempt++) {
      const startedAt = monotonic();
      const end = await ended;
      if (stopping.signal.aborted) return;
      if (monotonic() - startedAt > 60_000) attempt = 1;
      const delayMs = retryDelay({ minMs: 500, maxMs: 15_000 }, attempt);
      tell(
        `${name} ${end} and is started again in ${(delayMs / 1000).toFixed(1)} s; see ${join(options.logDir, name)}.log`,
      );
      await pause(delayMs, stopping.signal);
      if (stopping.signal.aborted) return;
      try {
        child = launch();
        ended = endOf(child);
      } catch (error) {
        // Without memory the system refuses at once.
        ended = Promise.resolve(notStarted(error as Error));
      }
    }
  }

  return {
    name,
    detail,
    async stop(limitMs) {
      stopping.abort();
      const kill = setTimeout(() => child.kill('SIGKILL'), limitMs);
      child.kill('SIGTERM');
      await stopped;
      clearTimeout(kill);
      log.close();
    },
  };
}

/** Runs a program of the project to its end. Throws what it said on standard error when it fails. */
export async function runToEnd(options: Omit<RoomOptions, 'tell' | 'readyWithinMs'>): Promise<string> {
  const log = openLogFile(options.logDir, options.name);
  const child = spawn(process.execPath, [join(options.root, options.main), ...(options.parameters ?? [])], {
    cwd: options.root,
    env: environmentWith(options.environment) as NodeJS.ProcessEnv,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let said = '';
  let complained = '';
  child.stdout.on('data', (chunk: Buffer) => {
    said += chunk.toString();
    log.write(chunk);
  });
  child.stderr.on('data', (chunk: Buffer) => {
    complained += chunk.toString();
    log.write(chunk);
  });
  const end = await endOf(child);
  log.close();
  if (end !== 'ended (0)') throw new Error(complained.trim() || said.trim() || `${options.name} ${end}.`);
  return said;
}

async function untilReady(child: ChildProcess, options: RoomOptions): Promise<string> {
  let complained = '';
  child.stderr?.on('data', (chunk: Buffer) => {
    complained = (complained + chunk.toString()).slice(-4000);
  });
  let timer: NodeJS.Timeout | undefined;
  try {
    return await new Promise<string>((resolve, reject) => {
      child.on('message', (message: { ready?: boolean; detail?: string }) => {
        if (message.ready === true) resolve(message.detail ?? '');
      });
      child.once('error', reject);
      child.once('exit', (code, signal) => {
        reject(
          new Error(
            complained.trim() ||
              `${options.name} ended at its start (${signal ?? code}); see ${join(options.logDir, options.name)}.log`,
          ),
        );
      });
      timer = setTimeout(() => {
        reject(
          new Error(
            `${options.name} was not ready within ${options.readyWithinMs / 1000} s; see ${join(options.logDir, options.name)}.log`,
          ),
        );
        child.kill('SIGKILL');
      }, options.readyWithinMs);
    });
  } finally {
    clearTimeout(timer);
  }
}

/** How a process ended, in words. Asked at once after the start, so that a start that fails is seen. */
function endOf(child: ChildProcess): Promise<string> {
  const end = child.signalCode ?? child.exitCode;
  if (end !== null) return Promise.resolve(`ended (${end})`);
  return new Promise((resolve) => {
    child.once('exit', (code, signal) => resolve(`ended (${signal ?? code})`));
    child.once('error', (error) => {
      // Without a process there is no exit. Of a process that runs the error is another one, such as a lost channel.
      if (child.pid === undefined) resolve(notStarted(error));
    });
  });
}

const notStarted = (error: Error): string => `cannot be started (${error.message})`;

function tellWarning(name: string, line: string, tell: (line: string) => void): void {
  const levels = /^\{"level":(\d+)/.exec(line);
  if (levels === null || Number(levels[1]) < 50) return;
  try {
    const entry = JSON.parse(line) as { msg?: string; error?: { message?: string } | string };
    const cause = typeof entry.error === 'string' ? entry.error : entry.error?.message;
    tell(`${name}: ${entry.msg ?? ''}${cause === undefined ? '' : ` (${cause})`}`);
  } catch {
    // Half a line of a long entry; it stands whole in the log file.
  }
}
