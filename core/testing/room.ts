import { fork, type ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { environmentWith } from '../settings.ts';

export interface Room {
  readonly pid: number;
  /** What it said when it was ready the last time. */
  readonly detail: string;
  /** SIGKILL. */
  kill(): Promise<void>;
  /** The same room again; waits until it is ready. */
  start(): Promise<void>;
}

/** A room as the process that it is in production, by the path of its main file, and ready. */
export async function startRoom(
  main: string,
  settings: Record<string, string>,
  parameters: string[] = [],
): Promise<Room> {
  let child: ChildProcess;
  let ended: Promise<unknown> = Promise.resolve();
  let detail = '';

  async function start(): Promise<void> {
    child = fork(join(import.meta.dirname, '../..', main), parameters, {
      env: environmentWith({ LOG_LEVEL: 'error', ...settings }) as NodeJS.ProcessEnv,
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      execArgv: [],
    });
    let said = '';
    child.stderr?.on('data', (bytes: Buffer) => {
      said = (said + bytes.toString()).slice(-2000);
    });
    const started = child;
    ended = new Promise((resolve) => started.once('exit', resolve));
    await new Promise<void>((resolve, reject) => {
      child.on('message', (message: { ready?: boolean; detail?: string }) => {
        if (message.ready !== true) return;
        detail = message.detail ?? '';
        resolve();
      });
      void ended.then(() => reject(new Error(`${main} ended before it was ready: ${said}`)));
    });
  }

  await start();
  return {
    get pid() {
      return child.pid ?? 0;
    },
    get detail() {
      return detail;
    },
    async kill() {
      child.kill('SIGKILL');
      await ended;
    },
    start,
  };
}
