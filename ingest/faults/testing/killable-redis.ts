import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../../../core/embedded/postgres.ts';
import { waitUntil } from '../../../core/testing/wait-until.ts';

export const hasRedis = spawnSync('redis-server', ['--version']).status === 0;

export interface KillableRedis {
  url: string;
  kill(): Promise<void>;
  /** Starts it on the same file and port. */
  start(): Promise<void>;
  close(): Promise<void>;
}

/** A Redis with an append-only file, as docker-compose.yml has it, that may be killed. */
export async function startKillableRedis(): Promise<KillableRedis> {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-redis-'));
  const port = await freePort();
  const settings = `--bind 127.0.0.1 --port ${port} --save --appendonly yes --maxmemory-policy noeviction`.split(' ');
  let child: ChildProcess;
  let ended: Promise<unknown> = Promise.resolve();

  async function start(): Promise<void> {
    child = spawn('redis-server', [...settings, '--dir', folder], { stdio: ['ignore', 'pipe', 'ignore'] });
    let said = '';
    child.stdout?.on('data', (text: Buffer) => (said += text.toString()));
    ended = new Promise((resolve) => child.once('exit', resolve));
    await waitUntil('Redis is ready', () => said.includes('Ready to accept connections'));
  }
  async function kill(): Promise<void> {
    child.kill('SIGKILL');
    await ended;
  }
  await start();
  return {
    url: `redis://127.0.0.1:${port}`,
    kill,
    start,
    async close() {
      await kill();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
