import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DataType, StatusCodes } from 'node-opcua';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { now } from '../../../core/clock.ts';
import { silentLog } from '../../../core/log.ts';
import { Quality } from '../../../core/reading.ts';
import { readSettings } from '../../../core/settings.ts';
import { waitUntil } from '../../../core/testing/wait-until.ts';
import { openTcpProxy } from '../../../simulators/faults/tcp-proxy.ts';
import { createSignalRegistry, type SignalRegistry } from '../../resolve/signal-registry.ts';
import type { Receiver } from '../receiver.ts';
import {
  type CollectingIntake,
  collectIntake,
  registerSignals,
  type TestSignal,
} from '../testing/collecting-intake.ts';
import { freePort, startOpcuaServer, type TestOpcuaServer } from '../testing/opcua-server.ts';
import { receiveOpcua } from './receive-opcua.ts';

// Against a real server of node-opcua in this process; open62541 and asyncua stand in opcua.interop.test.ts.
let directory: string;
let closers: (() => Promise<unknown>)[] = [];

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'millrace-opcua-'));
});
afterEach(async () => {
  for (const close of closers.reverse()) await close();
  closers = [];
});
afterAll(() => rm(directory, { recursive: true, force: true }));

async function serve(options: Partial<Parameters<typeof startOpcuaServer>[0]> = {}): Promise<TestOpcuaServer> {
  const server = await startOpcuaServer({ pki: join(directory, 'server'), ...options });
  closers.push(() => server.close());
  return server;
}

let dataDirs = 0;
async function receive(
  urls: string[],
  signals: TestSignal[],
  more: { settings?: Record<string, string>; registry?: SignalRegistry; silenceMs?: number } = {},
): Promise<{ receiver: Receiver; intake: CollectingIntake; status: (url: string) => Record<string, unknown> }> {
  const intake = collectIntake();
  const settings = readSettings({
    OPCUA_URLS: urls.join(','),
    OPCUA_PUBLISHING_MS: '50',
    OPCUA_OUTAGE_SECONDS: '60',
    DATA_DIR: join(directory, `data-${dataDirs++}`),
    ...more.settings,
  });
  const registry = await registerSignals(signals, more.registry ?? createSignalRegistry());
  const receiver = receiveOpcua(
    { settings, log: silentLog, clock: now, intake, registry },
    { silenceMs: more.silenceMs ?? 30_000, retryItemsMs: 300 },
  );
  closers.push(() => receiver.close());
  const status = (url: string) => ({
    ...receiver.states().find(({ name }) => name === url)?.status,
    connected: receiver.states().find(({ name }) => name === url)?.connected,
  });
  return { receiver, intake, status };
}

const signal = (signal_id: number, address: string, more: Partial<TestSignal> = {}): TestSignal => ({
  signal_id,
  protocol: 'opcua',
  address,
  expected_interval_seconds: 0.1,
  ...more,
});
const at = (ms: number) => new Date(Date.UTC(2026, 0, 5) + ms);

/** Values of a signal in the order of their source times, without repeats. */
function valuesOf(intake: CollectingIntake, url: string, signalId: number): (number | null)[] {
  const byTime = new Map<number, number | null>();
  for (const { signal_id, time_us, value } of intake.readings(url))
    if (signal_id === signalId) byTime.set(time_us, value);
  return [...byTime].sort(([a], [b]) => a - b).map(([, value]) => value);
}

const bySignal = ([one]: unknown[], [other]: unknown[]) => Number(one) - Number(other);

test('values of every kind arrive with their time and quality; what cannot be stored is rejected or listed', async () => {
  const server = await serve({
    variables: [
      { name: 'double', dataType: DataType.Double, value: 0.1 },
      { name: 'float', dataType: DataType.Float, value: 21.37 },
      { name: 'int64', dataType: DataType.Int64, value: [0xffff_ffff, 0xffff_fff0] },
      { name: 'huge', dataType: DataType.UInt64, value: [0x0020_0000, 1] },
      { name: 'on', dataType: DataType.Boolean, value: true },
      { name: 'order', dataType: DataType.String, value: 'P-100' },
      { name: 'blob', dataType: DataType.ByteString, value: Buffer.from('ab') },
    ],
  });
  const names = ['double', 'float', 'int64', 'huge', 'on', 'order', 'blob', 'nowhere'];
  const signals = names.map((name, index) =>
    signal(index + 1, server.addressOf(name), name === 'order' ? { kind: 'order' } : {}),
  );
  const { intake, status } = await receive([server.url], [...signals, signal(9, 'nsu=urn:other;s=x')]);
  await waitUntil('all items have reported', () => (intake.of(server.url)?.received ?? 0) >= 7);
  server.set('double', -7.25, { time: at(1), status: StatusCodes.UncertainLastUsableValue.value });
  await waitUntil('the second value is there', () => (intake.of(server.url)?.received ?? 0) >= 8);
  server.set('double', 99, { time: at(2), status: StatusCodes.BadSensorFailure.value });
  await waitUntil('the bad one is there', () => (intake.of(server.url)?.received ?? 0) >= 9);

  const readings = intake.readings(server.url);
  const first = readings.slice(0, 4).map(({ signal_id, value, quality }) => [signal_id, value, quality]);
  expect(first.toSorted(bySignal)).toEqual([
    [1, 0.1, Quality.good],
    [2, Math.fround(21.37), Quality.good],
    [3, -16, Quality.good],
    [5, 1, Quality.good],
  ]);
  expect(readings.slice(4)).toEqual([
    { signal_id: 1, time_us: at(1).getTime() * 1000, value: -7.25, quality: Quality.uncertain, historical: false },
    { signal_id: 1, time_us: at(2).getTime() * 1000, value: null, quality: Quality.bad, historical: false },
  ]);
  expect(intake.of(server.url)?.texts).toMatchObject([{ signal_id: 6, text: 'P-100' }]);
  const rejected = intake.of(server.url)?.rejected.map(({ signal_id, reason }) => [signal_id, reason]);
  expect(rejected?.toSorted(bySignal)).toEqual([
    [4, 'inexact_number'],
    [7, 'unsupported_type'],
  ]);
  expect(status(server.url)).toMatchObject({
    items: 7,
    refused_items: 2,
    refused_examples: [
      { address: 'nsu=urn:other;s=x', reason: 'The server has no namespace "urn:other".' },
      { address: server.addressOf('nowhere'), reason: 'BadNodeIdUnknown' },
    ],
  });
  expect(intake.open_messages).toBe(0);
});

test('an item that comes into being later is taken; a changed plant adds and removes items', async () => {
  const server = await serve({ variables: [{ name: 'a', dataType: DataType.Double, value: 1 }] });
  const registry = createSignalRegistry();
  const { intake, status } = await receive(
    [server.url],
    [signal(1, server.addressOf('a')), signal(2, server.addressOf('b'))],
    {
      registry,
    },
  );
  await waitUntil(
    'a has reported and b is refused',
    () => status(server.url)['refused_items'] === 1 && intake.of(server.url),
  );
  server.addVariable('b', DataType.Double, 2);
  await waitUntil('b has reported', () => valuesOf(intake, server.url, 2).length > 0);
  server.addVariable('c', DataType.Double, 3);
  await registerSignals([signal(20, server.addressOf('b')), signal(30, server.addressOf('c'))], registry);
  await waitUntil('c has reported', () => valuesOf(intake, server.url, 30).length > 0);
  await waitUntil('a is gone', () => status(server.url)['items'] === 2);
  server.set('a', 11);
  server.set('b', 22);
  await waitUntil('b reports under its new signal', () => valuesOf(intake, server.url, 20).includes(22));
  expect(valuesOf(intake, server.url, 1)).toEqual([1]);
});

test('what happens while the connection is cut arrives afterwards, once', async () => {
  const server = await serve({ variables: [{ name: 'a', dataType: DataType.Double, value: 0 }] });
  const proxy = await openTcpProxy({ port: server.port });
  closers.push(() => proxy.close());
  const url = `opc.tcp://127.0.0.1:${proxy.port}`;
  const { intake, status } = await receive([url], [signal(1, server.addressOf('a'))]);
  await waitUntil('the first value is there', () => valuesOf(intake, url, 1).length === 1);
  await proxy.refuse();
  await waitUntil('the cut is seen', () => status(url)['connected'] === false);
  for (let value = 1; value <= 20; value++) {
    const seen = performance.now();
    server.set('a', value);
    await waitUntil('the server has sampled', () => performance.now() - seen > 120);
  }
  await proxy.heal();
  await waitUntil('the connection is back', () => status(url)['connected'] === true, { limitMs: 30_000 });
  server.set('a', 100);
  await waitUntil('the newest value is there', () => valuesOf(intake, url, 1).includes(100));
  // One stale reading at the time at which the server was last heard; what was measured meanwhile stands behind it.
  expect(valuesOf(intake, url, 1)).toEqual([0, null, ...Array.from({ length: 20 }, (_, index) => index + 1), 100]);
  expect(intake.readings(url)).toHaveLength(23);
  expect(intake.readings(url)[1]).toMatchObject({ quality: Quality.stale, value: null });
  expect(status(url)).toMatchObject({ connections: 1, recreated_subscriptions: 0, queue_overflows: 0 });
});

test('a connection that swallows everything is noticed, and the queue of the server bridges it', async () => {
  const server = await serve({ variables: [{ name: 'a', dataType: DataType.Double, value: 0 }] });
  const proxy = await openTcpProxy({ port: server.port });
  closers.push(() => proxy.close());
  const url = `opc.tcp://127.0.0.1:${proxy.port}`;
  const { intake, status } = await receive([url], [signal(1, server.addressOf('a'))]);
  await waitUntil('the first value is there', () => valuesOf(intake, url, 1).length === 1);
  proxy.blackhole();
  server.set('a', 1);
  await waitUntil('the silence is noticed', () => status(url)['connected'] === false, {
    limitMs: 60_000,
    everyMs: 200,
  });
  server.set('a', 2);
  await proxy.heal();
  proxy.cut();
  await waitUntil('the newest value is there', () => valuesOf(intake, url, 1).includes(2), { limitMs: 60_000 });
  expect(valuesOf(intake, url, 1)).toEqual([0, 1, 2]);
});

test('a server that was restarted with its namespaces in another order is served again, its history fills the gap', async () => {
  const variables = [{ name: 'a', dataType: DataType.Double, value: 0, history: true }];
  const port = await freePort();
  const first = await startOpcuaServer({ pki: join(directory, 'server'), port, variables });
  const { intake, status } = await receive([first.url], [signal(1, first.addressOf('a'))]);
  await waitUntil('the first value is there', () => valuesOf(intake, first.url, 1).length === 1);
  await first.close();
  await waitUntil('the end is seen', () => status(first.url)['connected'] === false);
  const second = await startOpcuaServer({
    pki: join(directory, 'server'),
    port,
    namespacesBefore: ['urn:one-more', 'urn:and-one-more'],
    variables: [{ name: 'a', dataType: DataType.Double, value: 7, history: true }],
  });
  closers.push(() => second.close());
  const sleptFrom = performance.now();
  for (const value of [8, 9, 10]) {
    second.set('a', value);
    await waitUntil('time has passed', () => performance.now() - sleptFrom > 1500 * (value - 7));
  }
  await waitUntil('the server is served again', () => status(first.url)['connected'] === true, { limitMs: 60_000 });
  second.set('a', 11);
  await waitUntil(
    'all values are there, once as the queue and once as the history tells them',
    () => valuesOf(intake, first.url, 1).join() === '0,7,8,9,10,11',
    { limitMs: 30_000 },
  );
  const historical = intake.readings(first.url).filter((reading) => reading.historical);
  expect(historical.map(({ value }) => value)).toContain(7);
});

test('an outage at a server without history is counted as one that could not be filled', async () => {
  const variables = [{ name: 'a', dataType: DataType.Double, value: 0 }];
  const port = await freePort();
  const first = await startOpcuaServer({ pki: join(directory, 'server'), port, variables });
  const { intake, status } = await receive([first.url], [signal(1, first.addressOf('a'))]);
  await waitUntil('the first value is there', () => valuesOf(intake, first.url, 1).length === 1);
  expect(status(first.url)).toMatchObject({ unfilled_outages: 0, lost_in_outages: 0 });
  await first.close();
  await waitUntil('the end is seen', () => status(first.url)['connected'] === false);
  const second = await startOpcuaServer({ pki: join(directory, 'server'), port, variables });
  closers.push(() => second.close());
  await waitUntil('the outage is counted', () => status(first.url)['unfilled_outages'] === 1, { limitMs: 60_000 });
  expect(status(first.url)).toMatchObject({ lost_in_outages: 'unknown', backfilled_values: 0 });
  expect(status(first.url)['unfilled_seconds']).toBeGreaterThan(0);
});

test('a fault code that is repeated once a minute is seen within a second of its change, and not repeated by us', async () => {
  const server = await serve({ variables: [{ name: 'fault', dataType: DataType.Int32, value: 0 }] });
  const { intake } = await receive(
    [server.url],
    [signal(1, server.addressOf('fault'), { kind: 'fault', expected_interval_seconds: 60 })],
  );
  await waitUntil('the first value is there', () => valuesOf(intake, server.url, 1).length === 1);
  for (const code of [1234, 0]) {
    server.set('fault', code);
    await waitUntil('the code is there', () => valuesOf(intake, server.url, 1).at(-1) === code, { limitMs: 1000 });
  }
  expect(intake.readings(server.url)).toHaveLength(3);
});

test('a subscription that answers and reports nothing is re-created', async () => {
  const server = await serve({ variables: [{ name: 'a', dataType: DataType.Double, value: 0 }] });
  const { intake, status } = await receive([server.url], [signal(1, server.addressOf('a'))], { silenceMs: 2000 });
  await waitUntil('the first value is there', () => valuesOf(intake, server.url, 1).length === 1);
  server.muteSubscriptions();
  const muted = performance.now();
  await waitUntil('the old value is old enough', () => performance.now() - muted > 1500);
  server.set('a', 5);
  await waitUntil('the new value is there', () => valuesOf(intake, server.url, 1).includes(5), { limitMs: 30_000 });
  expect(status(server.url)).toMatchObject({ silent_subscriptions: 1, recreated_subscriptions: 1, connections: 1 });
});

test('a server that cannot be reached does not disturb another; a node at two servers is read at one', async () => {
  const one = await serve({ variables: [{ name: 'a', dataType: DataType.Double, value: 1 }] });
  const other = await serve({ variables: [{ name: 'a', dataType: DataType.Double, value: 2 }] });
  const dead = `opc.tcp://127.0.0.1:${await freePort()}`;
  const { intake, status } = await receive([dead, one.url, other.url], [signal(1, one.addressOf('a'))]);
  await waitUntil(
    'both are connected',
    () => status(one.url)['connected'] === true && status(other.url)['connected'] === true,
  );
  await waitUntil('one has reported', () => intake.of(one.url) ?? intake.of(other.url));
  await waitUntil('the dead one says why', () => String(status(dead)['last_error']).includes('ECONNREFUSED'));
  expect(Number(status(one.url)['items']) + Number(status(other.url)['items'])).toBe(1);
  expect([status(one.url)['refused_items'], status(other.url)['refused_items']]).toEqual([0, 0]);
});

test('limits of the server are respected: few items a call, few items a subscription', async () => {
  const variables = Array.from({ length: 25 }, (_, index) => ({
    name: `v${index}`,
    dataType: DataType.Double,
    value: index,
  }));
  const server = await serve({ variables, maxMonitoredItemsPerCall: 4, maxMonitoredItemsPerSubscription: 10 });
  const signals = variables.map(({ name }, index) => signal(index + 1, server.addressOf(name)));
  const { intake, status } = await receive([server.url], signals);
  await waitUntil('all have reported', () => intake.readings(server.url).length === 25);
  expect(status(server.url)).toMatchObject({ items: 25, subscriptions: 3, refused_items: 0 });
});
