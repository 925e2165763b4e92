import { fork } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestSignal } from '../../testing/test-plant.ts';
import type { Sender } from './fault-stage.ts';
import type { OpcuaMessage } from './opcua-main.ts';

/** An OPC UA server that writes all its variables again and again; its history holds each value with its source time. */
export interface OpcuaProcess extends Sender {
  url: string;
  /** Until now each variable has had one value: a client that has not subscribed yet is not told of more. */
  begin(): void;
  /** Writes no more. */
  finish(): Promise<void>;
  close(): Promise<void>;
}

/** Starts the server as a process of its own, which a host under load does not slow down; `signals` are t-1, t-2, … */
export async function startOpcuaProcess(signals: readonly TestSignal[], everyMs: number): Promise<OpcuaProcess> {
  const pki = mkdtempSync(join(tmpdir(), 'millrace-opcua-'));
  const child = fork(join(import.meta.dirname, 'opcua-main.ts'), [pki, `${signals.length}`, `${everyMs}`], {
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    execArgv: [],
  });
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const acknowledged = new Set<string>();
  const finished = Promise.withResolvers<void>();
  const url = await new Promise<string>((resolve, reject) => {
    child.on('message', (message: OpcuaMessage) => {
      if ('ready' in message) resolve(message.url);
      else if ('finished' in message) finished.resolve();
      else {
        for (const [index, { signal_id }] of signals.entries())
          acknowledged.add(`${signal_id}|${message.written_ms}000|${message.first + index / 8}`);
      }
    });
    void ended.then(() => reject(new Error('The OPC UA server ended before it was ready.')));
  });
  return {
    url,
    get sent() {
      return acknowledged.size;
    },
    acknowledged,
    get messages() {
      return acknowledged.size;
    },
    begin: () => void child.send('begin'),
    async finish() {
      child.send('finish');
      await finished.promise;
    },
    async close() {
      child.kill('SIGKILL');
      await ended;
      rmSync(pki, { recursive: true, force: true });
    },
  };
}
