import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, mkdtempSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { delimiter, join } from 'node:path';
import { pause } from '../../core/clock.ts';
import { freePort } from '../../core/embedded/postgres.ts';
import { environmentWith } from '../../core/settings.ts';
import { startProcess, track } from './bench-process.ts';

export type BrokerKind = 'stock' | 'roomy' | 'alone';

export interface BenchBroker {
  url: string;
  pid: number;
  /** Which broker, and how it is configured, for the result. */
  version: string;
  stop(): Promise<void>;
}

/** The path of a program on the PATH (and in sbin, which ordinary users often have not on it), or undefined. */
export function findProgram(name: string): string | undefined {
  const folders = [...(environmentWith({})['PATH'] ?? '').split(delimiter), '/usr/sbin', '/usr/local/sbin'];
  return folders.map((folder) => join(folder, name)).find((path) => existsSync(path));
}

/**
 * mosquitto where it is installed, else the embedded broker, which the result then says. `stock`: nothing configured but
 * the listener. `roomy`: with the queue limits lifted, so that a subscriber that is slower than the publisher is measured
 * instead of having its messages thrown away. `alone`: the same for a subscriber that is not ingest.
 */
export async function startBenchBroker(kind: BrokerKind, runDir: string): Promise<BenchBroker> {
  const port = await freePort();
  const url = `mqtt://127.0.0.1:${port}`;
  const program = findProgram('mosquitto');
  if (program === undefined) {
    const broker = await startProcess({
      name: 'broker',
      main: 'core/embedded/broker-main.ts',
      // For its own ingest it acknowledges what ingest has journaled; other subscribers it would wait for in vain.
      parameters: kind === 'alone' ? ['--alone'] : [],
      environment: { MQTT_URL: url, DATA_DIR: mkdtempSync(join(runDir, 'broker-')) },
    });
    return {
      url,
      pid: broker.pid,
      version: 'embedded broker (aedes); mosquitto is not on the PATH',
      stop: () => broker.stop(),
    };
  }
  const folder = mkdtempSync(join(runDir, 'broker-'));
  const file = join(folder, 'mosquitto.conf');
  const limits = kind !== 'stock' ? 'max_queued_messages 0\nmax_inflight_messages 0\n' : '';
  writeFileSync(file, `listener ${port} 127.0.0.1\nallow_anonymous true\n${limits}`);
  const child = track(spawn(program, ['-c', file], { stdio: ['ignore', 'ignore', 'ignore'] }));
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  await waitForPort(port, child);
  return {
    url,
    pid: child.pid ?? 0,
    version: `mosquitto, ${kind === 'stock' ? 'as it comes' : 'queue limits lifted'}`,
    async stop() {
      child.kill('SIGTERM');
      await ended;
    },
  };
}

async function waitForPort(port: number, child: ChildProcess): Promise<void> {
  for (let waited = 0; waited < 10_000; waited += 20) {
    if (child.exitCode !== null) break;
    const isOpen = await new Promise<boolean>((resolve) => {
      const socket = connect({ host: '127.0.0.1', port });
      socket.once('connect', () => {
        socket.destroy();
        resolve(true);
      });
      socket.once('error', () => resolve(false));
    });
    if (isOpen) return;
    await pause(20);
  }
  throw new Error(`The broker did not open port ${port}.`);
}
