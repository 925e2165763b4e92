import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { now } from '../../../core/clock.ts';
import { silentLog } from '../../../core/log.ts';
import { Quality } from '../../../core/reading.ts';
import { readSettings } from '../../../core/settings.ts';
import { asyncuaPython, open62541Program } from '../../../core/testing/opcua-peers.ts';
import { waitUntil } from '../../../core/testing/wait-until.ts';
import { openTcpProxy } from '../../../simulators/faults/tcp-proxy.ts';
import type { Receiver } from '../receiver.ts';
import { type CollectingIntake, collectIntake, registerSignals } from '../testing/collecting-intake.ts';
import { freePort } from '../testing/opcua-server.ts';
import { type PeerProcess, startPeer } from '../testing/peer-process.ts';
import { listCertificates, trustCertificate } from './certificates.ts';
import { receiveOpcua } from './receive-opcua.ts';

// Servers that share no line of code with our client: what they say must arrive to the last digit.
let directory: string;
let closers: (() => Promise<unknown>)[] = [];
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'millrace-interop-'));
});
afterEach(async () => {
  for (const close of closers.reverse()) await close();
  closers = [];
});
afterAll(() => rm(directory, { recursive: true, force: true }));

const names = ['temperature', 'pressure', 'counter', 'wide', 'running', 'order'];
const types = ['double', 'float', 'int32', 'int64', 'boolean', 'string'];

interface Opened {
  url: string;
  peer: PeerProcess;
}

async function startOpen62541(words: readonly string[] = []): Promise<Opened> {
  const port = await freePort();
  const file = join(directory, 'variables.txt');
  const initial = ['20.5', '1.25', '7', '7', 'true', 'P-0'];
  await writeFile(file, names.map((name, index) => `${name};${types[index]};${initial[index]}\n`).join(''));
  const peer = await startPeer(open62541Program() ?? '', [String(port), file, ...words]);
  closers.push(() => peer.close());
  return { url: `opc.tcp://127.0.0.1:${port}`, peer };
}

async function receive(
  url: string,
  namespace: string,
  more: Record<string, string> = {},
): Promise<{ receiver: Receiver; intake: CollectingIntake; dataDir: string }> {
  const intake = collectIntake();
  const dataDir = more['DATA_DIR'] ?? (await mkdtemp(join(directory, 'data-')));
  const registry = await registerSignals(
    names.map((name, index) => ({
      signal_id: index + 1,
      protocol: 'opcua',
      address: `nsu=${namespace};s=${name}`,
      expected_interval_seconds: 0.04,
      kind: name === 'order' ? 'order' : 'measurement',
    })),
  );
  const settings = readSettings({ OPCUA_URLS: url, OPCUA_PUBLISHING_MS: '20', DATA_DIR: dataDir, ...more });
  const context = { settings, log: silentLog, clock: now, intake, registry };
  const receiver = receiveOpcua(context, { silenceMs: 30_000, retryItemsMs: 300, staleAfterMs: 300 });
  closers.push(() => receiver.close());
  return { receiver, intake, dataDir };
}

const stateOf = (receiver: Receiver) => receiver.states()[0];
const us = (time: string) => Date.parse(`${time.slice(0, 23)}Z`) * 1000 + Number(time.slice(23, 26));

test('open62541: values, times of 100 ns and statuses arrive to the last digit, in order', async ({ skip }) => {
  skip(open62541Program() === undefined, 'OPEN62541_TEST_SERVER names no open62541 server');
  const { url, peer } = await startOpen62541();
  const { receiver, intake } = await receive(url, 'urn:peer:plant');
  await waitUntil('all items have reported', () => (intake.of(url)?.received ?? 0) >= names.length, {
    limitMs: 30_000,
  });
  expect(stateOf(receiver)).toMatchObject({ connected: true, status: { items: names.length, refused_items: 0 } });
  const orders: [string, string, string, string, number | null, number][] = [
    ['temperature', '0.1', '2026-01-05T12:00:00.1234567', '00000000', 0.1, Quality.good],
    [
      'temperature',
      '-1.7976931348623157e308',
      '2026-01-05T12:00:01.0000019',
      '00000000',
      -Number.MAX_VALUE,
      Quality.good,
    ],
    ['temperature', '22.25', '2026-01-05T12:00:02.9999999', '40900000', 22.25, Quality.uncertain],
    ['temperature', '99', '2026-01-05T12:00:03.0000000', '808C0000', null, Quality.bad],
    ['pressure', '21.37', '2026-01-05T12:00:00.5000000', '00000000', Math.fround(21.37), Quality.good],
    ['counter', '-2147483648', '2026-01-05T12:00:00.5000000', '00000000', -2_147_483_648, Quality.good],
    ['wide', '-9007199254740991', '2026-01-05T12:00:00.5000000', '00000000', Number.MIN_SAFE_INTEGER, Quality.good],
    ['running', 'false', '2026-01-05T12:00:00.5000000', '00000000', 0, Quality.good],
  ];
  const before = intake.readings(url).length;
  for (const [index, [name, value, time, status]] of orders.entries()) {
    expect(await peer.ask(`set ${name} ${value} ${time}Z ${status}`)).toBe(`ok set ${name}`);
    // Sampled every 20 ms: the next value of the same node must not come before this one was seen.
    await waitUntil('it has arrived', () => intake.readings(url).length > before + index);
  }
  expect(await peer.ask('set wide 9007199254740993 2026-01-05T12:00:01.0000000Z 00000000')).toBe('ok set wide');
  expect(await peer.ask('set order P-4711/ä 2026-01-05T12:00:00.5000000Z 00000000')).toBe('ok set order');
  await waitUntil(
    'the texts are there',
    () => intake.of(url)?.texts.length === 2 && intake.of(url)?.rejected.length === 1,
  );
  expect(intake.readings(url).slice(before)).toEqual(
    orders.map(([name, , time, , value, quality]) => ({
      signal_id: names.indexOf(name) + 1,
      time_us: us(time),
      value,
      quality,
      historical: false,
    })),
  );
  expect(intake.of(url)?.texts[1]).toMatchObject({ text: 'P-4711/ä', time_us: us('2026-01-05T12:00:00.5000000') });
  expect(intake.of(url)?.rejected).toMatchObject([{ reason: 'inexact_number', signal_id: 4 }]);
});

test('open62541: what was measured while ingest did not run is filled from the history', async ({ skip }) => {
  skip(open62541Program() === undefined, 'OPEN62541_TEST_SERVER names no open62541 server');
  const { url, peer } = await startOpen62541();
  const first = await receive(url, 'urn:peer:plant');
  await waitUntil('all items have reported', () => (first.intake.of(url)?.received ?? 0) >= names.length, {
    limitMs: 30_000,
  });
  await first.receiver.close();
  // More than a page of 1,000 values, so that continuation points are followed.
  for (let value = 0; value < 2500; value++) await peer.ask(`set temperature ${value} now 00000000`);
  const second = await receive(url, 'urn:peer:plant', { DATA_DIR: first.dataDir });
  await waitUntil('the history is read', () => Number(stateOf(second.receiver)?.status['backfilled_values']) >= 2500, {
    limitMs: 30_000,
  });
  const historical = second.intake.readings(url).filter((reading) => reading.historical && reading.signal_id === 1);
  expect(historical.map(({ value }) => value)).toEqual(Array.from({ length: 2500 }, (_, value) => value));
});

test('open62541: an unknown certificate is refused and listed, trusted it is taken, encrypted and with a login', async ({
  skip,
}) => {
  const program = open62541Program();
  skip(program === undefined, 'OPEN62541_TEST_SERVER names no open62541 server');
  const pki = join(dirname(program ?? ''), 'pki');
  const { url } = await startOpen62541([join(pki, 'server.der'), join(pki, 'server.key.der')]);
  const { receiver, intake, dataDir } = await receive(url, 'urn:peer:plant', {
    OPCUA_SECURITY: 'Aes256_Sha256_RsaPss',
    OPCUA_USER: 'peer',
    OPCUA_PASSWORD: 'peer',
  });
  const refused = await waitUntil(
    'the certificate is refused',
    () => stateOf(receiver)?.status['last_error'] || undefined,
    {
      limitMs: 30_000,
    },
  );
  const [certificate] = listCertificates(dataDir, 'rejected');
  expect(refused).toContain('is not trusted');
  expect(refused).toContain(`npm run opcua:trust`);
  expect(refused).toContain(certificate?.thumbprint ?? 'no certificate was kept');
  expect(trustCertificate(dataDir, certificate?.thumbprint ?? '')).toBeDefined();
  await waitUntil('all items have reported', () => (intake.of(url)?.received ?? 0) >= names.length, {
    limitMs: 60_000,
  });
  expect(listCertificates(dataDir, 'trusted').map(({ thumbprint }) => thumbprint)).toContain(certificate?.thumbprint);
});

const policies = ['Basic256Sha256', 'Aes128_Sha256_RsaOaep', 'Aes256_Sha256_RsaPss'];

test.for(policies.flatMap((policy) => ['Sign', 'SignAndEncrypt'].map((mode) => [policy, mode] as const)))(
  'open62541: %s with %s is spoken once the certificate is trusted',
  async ([policy, mode], { skip }) => {
    const program = open62541Program();
    skip(program === undefined, 'OPEN62541_TEST_SERVER names no open62541 server');
    const pki = join(dirname(program ?? ''), 'pki');
    const { url } = await startOpen62541([join(pki, 'server.der'), join(pki, 'server.key.der')]);
    const { receiver, intake, dataDir } = await receive(url, 'urn:peer:plant', {
      OPCUA_SECURITY: policy,
      OPCUA_SECURITY_MODE: mode,
    });
    await waitUntil('the certificate is refused', () => listCertificates(dataDir, 'rejected').length === 1, {
      limitMs: 30_000,
    });
    expect(intake.of(url)).toBeUndefined();
    trustCertificate(dataDir, listCertificates(dataDir, 'rejected')[0]?.thumbprint ?? '');
    await waitUntil('all items have reported', () => (intake.of(url)?.received ?? 0) >= names.length, {
      limitMs: 60_000,
    });
    expect(stateOf(receiver)?.status).toMatchObject({ security: `${policy}, ${mode}` });
  },
);

/** Values of a signal by time, without repeats. */
function byTime(intake: CollectingIntake, url: string, signalId: number): [number | null, number][] {
  const rows = new Map<number, [number | null, number]>();
  for (const { signal_id, time_us, value, quality } of intake.readings(url))
    if (signal_id === signalId) rows.set(time_us, [value, quality]);
  return [...rows].sort(([a], [b]) => a - b).map(([, row]) => row);
}

test('open62541: a cut is bridged by its queues, what rests comes back from stale, and no item is lost', async ({
  skip,
}) => {
  skip(open62541Program() === undefined, 'OPEN62541_TEST_SERVER names no open62541 server');
  const { url: direct, peer } = await startOpen62541();
  const proxy = await openTcpProxy({ port: Number(new URL(direct).port) });
  closers.push(() => proxy.close());
  const url = `opc.tcp://127.0.0.1:${proxy.port}`;
  const { receiver, intake } = await receive(url, 'urn:peer:plant');
  await waitUntil('all items have reported', () => (intake.of(url)?.received ?? 0) >= names.length, {
    limitMs: 30_000,
  });
  await proxy.refuse();
  await waitUntil('all are stale', () => stateOf(receiver)?.status['stale_readings'] === names.length);
  for (let value = 1; value <= 10; value++) {
    const setAt = performance.now();
    await peer.ask(`set temperature ${value} now 00000000`);
    await waitUntil('it was sampled', () => performance.now() - setAt > 60);
  }
  await proxy.heal();
  await waitUntil('the connection is back', () => stateOf(receiver)?.connected === true, { limitMs: 30_000 });
  await waitUntil('the bridged values are there', () => byTime(intake, url, 1).length === 12, { limitMs: 30_000 });
  const bridged = Array.from({ length: 10 }, (_, index) => [index + 1, Quality.good]);
  expect(byTime(intake, url, 1)).toEqual([[20.5, Quality.good], [null, Quality.stale], ...bridged]);
  await waitUntil('the one at rest is back', () => byTime(intake, url, 2).length === 3, { limitMs: 10_000 });
  expect(byTime(intake, url, 2)).toEqual([
    [1.25, Quality.good],
    [null, Quality.stale],
    [1.25, Quality.good],
  ]);
  expect(stateOf(receiver)?.status).toMatchObject({ recreated_subscriptions: 0, recreated_items: 0, connections: 1 });
});

const asyncuaTypes = ['Double', 'Float', 'Int32', 'Int64', 'Boolean', 'String'];

async function startAsyncua(port: number) {
  const peer = await startPeer(asyncuaPython() ?? '', [
    join(import.meta.dirname, '../testing/asyncua-server.py'),
    String(port),
  ]);
  const set = (name: string, value: unknown, time: string, status = 0) =>
    peer.ask(JSON.stringify({ name, type: asyncuaTypes[names.indexOf(name)], value, time, status }));
  for (const name of names)
    await set(name, name === 'order' ? 'P-0' : name === 'running' ? true : 0, '2026-01-05T11:00:00');
  return { peer, set, url: `opc.tcp://127.0.0.1:${port}/` };
}

test('asyncua: values, times and qualities arrive to the last digit, an empty value among them', async ({ skip }) => {
  skip(asyncuaPython() === undefined, 'neither ASYNCUA_PYTHON nor python3 can import asyncua');
  const { peer, set, url } = await startAsyncua(await freePort());
  closers.push(() => peer.close());
  const { intake } = await receive(url, 'urn:peer:asyncua');
  await waitUntil('all items have reported', () => (intake.of(url)?.received ?? 0) >= names.length, {
    limitMs: 30_000,
  });
  const before = intake.readings(url).length;
  const orders: [string, unknown, string, number, number | null, number][] = [
    ['temperature', 0.1, '2026-01-05T12:00:00.123456', 0, 0.1, Quality.good],
    ['temperature', null, '2026-01-05T12:00:01.000001', 0x808c_0000, null, Quality.bad],
    ['temperature', 5e-324, '2026-01-05T12:00:02.999999', 0x4090_0000, 5e-324, Quality.uncertain],
    ['pressure', 21.37, '2026-01-05T12:00:00.500000', 0, Math.fround(21.37), Quality.good],
    ['counter', -2_147_483_648, '2026-01-05T12:00:00.500000', 0, -2_147_483_648, Quality.good],
    ['wide', Number.MAX_SAFE_INTEGER, '2026-01-05T12:00:00.500000', 0, Number.MAX_SAFE_INTEGER, Quality.good],
    ['running', false, '2026-01-05T12:00:00.500000', 0, 0, Quality.good],
  ];
  for (const [index, [name, value, time, status]] of orders.entries()) {
    expect(await set(name, value, time, status)).toBe('ok');
    await waitUntil('it has arrived', () => intake.readings(url).length > before + index);
  }
  expect(intake.readings(url).slice(before)).toEqual(
    orders.map(([name, , time, , value, quality]) => ({
      signal_id: names.indexOf(name) + 1,
      time_us: us(time),
      value,
      quality,
      historical: false,
    })),
  );
});

// Its Republish answers Good without a message, for subscriptions too that it has never had.
test('asyncua: killed and started again at once, its values arrive again within seconds', async ({ skip }) => {
  skip(asyncuaPython() === undefined, 'neither ASYNCUA_PYTHON nor python3 can import asyncua');
  const port = await freePort();
  const first = await startAsyncua(port);
  const { receiver, intake } = await receive(first.url, 'urn:peer:asyncua');
  await waitUntil('all items have reported', () => (intake.of(first.url)?.received ?? 0) >= names.length, {
    limitMs: 30_000,
  });
  await first.peer.close();
  const second = await startAsyncua(port);
  closers.push(() => second.peer.close());
  await second.set('temperature', 21.5, '2026-01-05T12:30:00.250000');
  await waitUntil(
    'what was written after the restart has arrived',
    () => intake.readings(second.url).some(({ signal_id, value }) => signal_id === 1 && value === 21.5),
    { limitMs: 30_000 },
  );
  await second.set('temperature', 22.5, '2026-01-05T12:31:00.250000');
  await waitUntil(
    'the next one too',
    () => intake.readings(second.url).some(({ signal_id, value }) => signal_id === 1 && value === 22.5),
    { limitMs: 5000 },
  );
  expect(stateOf(receiver)).toMatchObject({ connected: true });
  expect(stateOf(receiver)?.status).toMatchObject({ republished_messages: 0 });
});
