import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { environmentWith } from '../../core/settings.ts';

export const administrator = { email: 'planner@millrace.test', password: 'three in the morning' };

export interface ApiProcess {
  /** Such as http://127.0.0.1:41234. */
  url: string;
  /** Kills it as a crash would. */
  kill(): Promise<void>;
}

/** Starts the real API as a process on a database; `port` 0 is any free one. Resolves when it listens. */
export async function startApi(databaseUrl: string, port = 0): Promise<ApiProcess> {
  const main = fileURLToPath(new URL('../../api/main.ts', import.meta.url));
  const child = spawn(process.execPath, [main], {
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    env: environmentWith({
      DATABASE_URL: databaseUrl,
      HTTP_HOST: '127.0.0.1',
      HTTP_PORT: String(port),
      ADMIN_EMAIL: administrator.email,
      ADMIN_PASSWORD: administrator.password,
      LOG_LEVEL: 'error',
    }),
  });
  const url = await readyAddress(child);
  return {
    url,
    kill: () =>
      new Promise((resolve) => {
        if (child.exitCode !== null || child.signalCode !== null) {
          resolve();
          return;
        }
        child.once('exit', () => resolve());
        child.kill('SIGKILL');
      }),
  };
}

function readyAddress(child: ChildProcess): Promise<string> {
  let said = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    said += text;
  });
  return new Promise((resolve, reject) => {
    child.once('message', (message) => resolve((message as { detail: string }).detail));
    child.once('error', reject);
    child.once('exit', (code) => reject(new Error(`The API ended with ${code} before it was ready: ${said}`)));
  });
}
