import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Clock, now } from '../../../core/clock.ts';
import { silentLog } from '../../../core/log.ts';
import { readSettings } from '../../../core/settings.ts';
import { createSignalRegistry, type SignalRegistry } from '../../resolve/signal-registry.ts';
import { type OpcuaTiming, receiveOpcua } from '../opcua/receive-opcua.ts';
import type { Receiver } from '../receiver.ts';
import { type CollectingIntake, collectIntake, registerSignals, type TestSignal } from './collecting-intake.ts';
import { startOpcuaServer, type TestOpcuaServer, type TestOpcuaServerOptions } from './opcua-server.ts';

/** What one receiver has heard, and how each of its servers feels. */
export interface OpcuaReceived {
  receiver: Receiver;
  intake: CollectingIntake;
  dataDir: string;
  status: (url: string) => Record<string, unknown>;
}

interface ReceiveOptions extends Partial<OpcuaTiming> {
  settings?: Record<string, string>;
  registry?: SignalRegistry;
  /** The clock of the gateway, where it is not the one that the servers of the test have. */
  clock?: Clock;
}

/** Servers and receivers of a test, with short times, in a folder of its own. */
export interface OpcuaStage {
  readonly directory: string;
  serve(options?: Partial<TestOpcuaServerOptions>): Promise<TestOpcuaServer>;
  receive(urls: string[], signals: TestSignal[], more?: ReceiveOptions): Promise<OpcuaReceived>;
  /** Called by `closeAll`, the last one first. */
  onClose(close: () => Promise<unknown>): void;
  closeAll(): Promise<void>;
  remove(): Promise<void>;
}

export async function openOpcuaStage(): Promise<OpcuaStage> {
  const directory = await mkdtemp(join(tmpdir(), 'millrace-opcua-'));
  let closers: (() => Promise<unknown>)[] = [];
  let dataDirs = 0;
  return {
    directory,
    async serve(options = {}) {
      const server = await startOpcuaServer({ pki: join(directory, 'server'), ...options });
      closers.push(() => server.close());
      return server;
    },
    async receive(urls, signals, { settings: more, registry: known, clock = now, ...timing } = {}) {
      const intake = collectIntake();
      const settings = readSettings({
        OPCUA_URLS: urls.join(','),
        OPCUA_PUBLISHING_MS: '50',
        OPCUA_OUTAGE_SECONDS: '60',
        DATA_DIR: join(directory, `data-${dataDirs++}`),
        ...more,
      });
      const registry = await registerSignals(signals, known ?? createSignalRegistry());
      const context = { settings, log: silentLog, clock, intake, registry };
      const receiver = receiveOpcua(context, { silenceMs: 30_000, retryItemsMs: 300, ...timing });
      closers.push(() => receiver.close());
      const stateOf = (url: string) => receiver.states().find(({ name }) => name === url);
      const status = (url: string) => ({ ...stateOf(url)?.status, connected: stateOf(url)?.connected });
      return { receiver, intake, dataDir: settings.DATA_DIR, status };
    },
    onClose: (close) => closers.push(close),
    async closeAll() {
      for (const close of closers.reverse()) await close();
      closers = [];
    },
    remove: () => rm(directory, { recursive: true, force: true }),
  };
}

/** A signal of an OPC UA address that is expected ten times a second. */
export function opcuaSignal(signal_id: number, address: string, more: Partial<TestSignal> = {}): TestSignal {
  return { signal_id, protocol: 'opcua', address, expected_interval_seconds: 0.1, ...more };
}

/** Values of a signal in the order of their source times, without repeats. */
export function valuesOf(intake: CollectingIntake, url: string, signalId: number): (number | null)[] {
  const byTime = new Map<number, number | null>();
  for (const { signal_id, time_us, value } of intake.readings(url))
    if (signal_id === signalId) byTime.set(time_us, value);
  return [...byTime].sort(([a], [b]) => a - b).map(([, value]) => value);
}
