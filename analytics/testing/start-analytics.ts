import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { environmentWith } from '../../core/settings.ts';

export interface RunningAnalytics {
  /** Ends it as the supervisor does; answers the exit code. */
  stop(): Promise<number | null>;
  /** Ends it as a power cut does. */
  kill(): Promise<void>;
}

/** Starts the real room as a process of its own and waits until it says that it is ready. */
export async function startAnalytics(databaseUrl: string, redisUrl = ''): Promise<RunningAnalytics> {
  const child: ChildProcess = fork(join(import.meta.dirname, '..', 'main.ts'), {
    env: environmentWith({ DATABASE_URL: databaseUrl, REDIS_URL: redisUrl, LOG_LEVEL: 'warn' }) as NodeJS.ProcessEnv,
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    execArgv: [],
  });
  const ended = once(child, 'exit') as Promise<[number | null]>;
  const first = await Promise.race([once(child, 'message').then(() => 'ready'), ended.then(() => 'ended')]);
  if (first === 'ended') throw new Error('Analytics ended before it was ready; its standard error says why.');
  return {
    async stop() {
      child.kill('SIGTERM');
      const [code] = await ended;
      return code;
    },
    async kill() {
      child.kill('SIGKILL');
      await ended;
    },
  };
}
