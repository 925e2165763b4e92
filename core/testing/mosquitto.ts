import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parse } from 'yaml';
import { waitUntil } from './wait-until.ts';

export interface Mosquitto {
  url: string;
  port: number;
  /** Ends it with a signal (else: -9, without saving anything). A folder that it made itself goes with it. */
  stop(signal?: NodeJS.Signals): Promise<void>;
}

/** Whether the mosquitto broker is installed; tests that need it are skipped by name where it is not. */
export const hasMosquitto = spawnSync('mosquitto', ['-h']).error === undefined;

/** The configuration of docker-compose.yml, with nothing replaced but where it listens and where it keeps its sessions. */
function shippedConfiguration(port: number, folder: string): string {
  const compose = parse(readFileSync(join(import.meta.dirname, '../../docker-compose.yml'), 'utf8')) as {
    configs: { mosquitto: { content: string } };
  };
  const replaced: [string, string][] = [
    ['listener 1883\n', `listener ${port} 127.0.0.1\n`],
    ['persistence_location /mosquitto/data/\n', `persistence_location ${folder}/\n`],
  ];
  let lines = compose.configs.mosquitto.content;
  for (const [line, ours] of replaced) {
    if (!lines.includes(line)) throw new Error(`The configuration of mosquitto in docker-compose.yml has no ${line}.`);
    lines = lines.replace(line, ours);
  }
  // Started by root it would become a user that may not write to the folder.
  return `${lines}user root\n`;
}

/** Starts a mosquitto on a free port, configured as docker-compose.yml ships it. In a `folder` it finds its sessions again. */
export async function startMosquitto(options: { port?: number; folder?: string } = {}): Promise<Mosquitto> {
  const folder = options.folder ?? mkdtempSync(join(tmpdir(), 'millrace-mosquitto-'));
  const port = options.port ?? (await freePort());
  const file = join(folder, 'mosquitto.conf');
  writeFileSync(file, shippedConfiguration(port, folder));
  const child = spawn('mosquitto', ['-c', file], { stdio: 'ignore' });
  await waitUntil('mosquitto listens', () => canConnect(port));
  return {
    url: `mqtt://127.0.0.1:${port}`,
    port,
    async stop(signal = 'SIGKILL') {
      const ended = new Promise((resolve) => child.once('exit', resolve));
      child.kill(signal);
      await ended;
      if (options.folder === undefined) rmSync(folder, { recursive: true, force: true });
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
