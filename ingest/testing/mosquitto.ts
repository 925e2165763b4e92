import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { waitUntil } from '../../core/testing/wait-until.ts';

export interface Mosquitto {
  url: string;
  port: number;
  stop(): Promise<void>;
}

/** Whether the mosquitto broker is installed; tests that need it are skipped by name where it is not. */
export const hasMosquitto = spawnSync('mosquitto', ['-h']).error === undefined;

/** Starts a mosquitto of our own on a free port, configured as docs/durability.md asks: no queue limit, no persistence. */
export async function startMosquitto(lines: string[] = [], onPort?: number): Promise<Mosquitto> {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-mosquitto-'));
  const port = onPort ?? (await freePort());
  const file = join(folder, 'mosquitto.conf');
  writeFileSync(
    file,
    [`listener ${port} 127.0.0.1`, 'allow_anonymous true', 'max_queued_messages 0', 'log_type none', ...lines, ''].join(
      '\n',
    ),
  );
  const child = spawn('mosquitto', ['-c', file], { stdio: 'ignore' });
  await waitUntil('mosquitto listens', () => canConnect(port));
  return {
    url: `mqtt://127.0.0.1:${port}`,
    port,
    async stop() {
      const ended = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGKILL');
      await ended;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer();
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });
}

function canConnect(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
