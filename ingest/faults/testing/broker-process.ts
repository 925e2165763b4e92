import { fork, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../../../core/embedded/postgres.ts';
import { environmentWith } from '../../../core/settings.ts';

export interface BrokerProcess {
  url: string;
  port: number;
  readonly pid: number;
  /** SIGKILL, as a power cut would do. */
  kill(): Promise<void>;
  /** The same broker with the same files on the same port again. */
  start(): Promise<void>;
  close(): Promise<void>;
}

/** The embedded broker as the process that it is in production. */
export async function startBrokerProcess(): Promise<BrokerProcess> {
  const port = await freePort();
  const url = `mqtt://127.0.0.1:${port}`;
  const dataDir = mkdtempSync(join(tmpdir(), 'millrace-broker-'));
  let child: ChildProcess;
  let ended: Promise<void> = Promise.resolve();

  async function start(): Promise<void> {
    child = fork(join(import.meta.dirname, '../../../core/embedded/broker-main.ts'), [], {
      env: environmentWith({ MQTT_URL: url, DATA_DIR: dataDir, LOG_LEVEL: 'warn' }) as NodeJS.ProcessEnv,
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
      execArgv: [],
    });
    ended = new Promise((resolve) => child.once('exit', () => resolve()));
    await new Promise<void>((resolve, reject) => {
      child.once('message', () => resolve());
      void ended.then(() => reject(new Error('The broker ended before it was ready; its standard error says why.')));
    });
  }

  async function kill(): Promise<void> {
    child.kill('SIGKILL');
    await ended;
  }

  await start();
  return {
    url,
    port,
    get pid() {
      return child.pid ?? 0;
    },
    kill,
    start,
    async close() {
      await kill();
      rmSync(dataDir, { recursive: true, force: true });
    },
  };
}
