import { DataType, StatusCodes } from 'node-opcua';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { Quality } from '../../../core/reading.ts';
import { waitUntil } from '../../../core/testing/wait-until.ts';
import { openTcpProxy } from '../../../simulators/faults/tcp-proxy.ts';
import { createSignalRegistry } from '../../resolve/signal-registry.ts';
import { registerSignals } from '../testing/collecting-intake.ts';
import { freePort } from '../testing/opcua-server.ts';
import { type OpcuaStage, openOpcuaStage, opcuaSignal as signal, valuesOf } from '../testing/opcua-stage.ts';

// Against a real server of node-opcua in this process; open62541 and asyncua stand in opcua.interop.test.ts.
let stage: OpcuaStage;
beforeAll(async () => {
  stage = await openOpcuaStage();
});
afterEach(() => stage.closeAll());
afterAll(() => stage.remove());

const at = (ms: number) => new Date(Date.UTC(2026, 0, 5) + ms);

const bySignal = ([one]: unknown[], [other]: unknown[]) => Number(one) - Number(other);

test('values of every kind arrive with their time and quality; what cannot be stored is rejected or listed', async () => {
  const server = await stage.serve({
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
  const { intake, status } = await stage.receive([server.url], [...signals, signal(9, 'nsu=urn:other;s=x')]);
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
  const server = await stage.serve({ variables: [{ name: 'a', dataType: DataType.Double, value: 1 }] });
  const registry = createSignalRegistry();
  const { intake, status } = await stage.receive(
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
  const server = await stage.serve({ variables: [{ name: 'a', dataType: DataType.Double, value: 0 }] });
  const proxy = await openTcpProxy({ port: server.port });
  stage.onClose(() => proxy.close());
  const url = `opc.tcp://127.0.0.1:${proxy.port}`;
  const { intake, status } = await stage.receive([url], [signal(1, server.addressOf('a'))], { staleAfterMs: 300 });
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
  const server = await stage.serve({ variables: [{ name: 'a', dataType: DataType.Double, value: 0 }] });
  const proxy = await openTcpProxy({ port: server.port });
  stage.onClose(() => proxy.close());
  const url = `opc.tcp://127.0.0.1:${proxy.port}`;
  const { intake, status } = await stage.receive([url], [signal(1, server.addressOf('a'))], { staleAfterMs: 600_000 });
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
  const variables = ['a', 'b'].map((name, index) => ({ name, dataType: DataType.Double, value: index, history: true }));
  const port = await freePort();
  const first = await stage.serve({ port, variables });
  const signals = [signal(1, first.addressOf('a')), signal(2, first.addressOf('b'))];
  const { intake, status } = await stage.receive([first.url], signals, { staleAfterMs: 600_000 });
  await waitUntil('the first values are there', () => intake.readings(first.url).length === 2);
  await first.close();
  await waitUntil('the end is seen', () => status(first.url)['connected'] === false);
  // At the old index stand nodes of the same names now, with another value.
  const second = await stage.serve({
    port,
    namespacesBefore: ['urn:one-more', 'urn:and-one-more'],
    decoyValue: -1,
    variables: variables.map((variable) => ({ ...variable, value: 7 + variable.value * 100 })),
  });
  const sleptFrom = performance.now();
  for (const value of [8, 9, 10]) {
    second.set('a', value);
    second.set('b', value + 100);
    await waitUntil('time has passed', () => performance.now() - sleptFrom > 1500 * (value - 7));
  }
  await waitUntil('the server is served again', () => status(first.url)['connected'] === true, { limitMs: 60_000 });
  second.set('a', 11);
  second.set('b', 111);
  await waitUntil(
    'all values are there, once as the queue and once as the history tells them',
    () =>
      valuesOf(intake, first.url, 1).join() === '0,7,8,9,10,11' &&
      valuesOf(intake, first.url, 2).join() === '1,107,108,109,110,111',
    { limitMs: 30_000 },
  );
  const historical = intake.readings(first.url).filter((reading) => reading.historical);
  expect(historical.map(({ value }) => value)).toEqual(expect.arrayContaining([7, 107]));
  expect(intake.readings(first.url).map(({ value }) => value)).not.toContain(-1);
});

test('an outage at a server without history is counted as one that could not be filled', async () => {
  const variables = [{ name: 'a', dataType: DataType.Double, value: 0 }];
  const port = await freePort();
  const first = await stage.serve({ port, variables });
  const { intake, status } = await stage.receive([first.url], [signal(1, first.addressOf('a'))]);
  await waitUntil('the first value is there', () => valuesOf(intake, first.url, 1).length === 1);
  expect(status(first.url)).toMatchObject({ unfilled_outages: 0, lost_in_outages: 0 });
  await first.close();
  await waitUntil('the end is seen', () => status(first.url)['connected'] === false);
  await stage.serve({ port, variables });
  await waitUntil('the outage is counted', () => status(first.url)['unfilled_outages'] === 1, { limitMs: 60_000 });
  expect(status(first.url)).toMatchObject({ lost_in_outages: 'unknown', backfilled_values: 0 });
  expect(status(first.url)['unfilled_seconds']).toBeGreaterThan(0);
});

test('a fault code that is repeated once a minute is seen within a second of its change, and not repeated by us', async () => {
  const server = await stage.serve({ variables: [{ name: 'fault', dataType: DataType.Int32, value: 0 }] });
  const { intake } = await stage.receive(
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
  const server = await stage.serve({ variables: [{ name: 'a', dataType: DataType.Double, value: 0 }] });
  const { intake, status } = await stage.receive([server.url], [signal(1, server.addressOf('a'))], { silenceMs: 2000 });
  await waitUntil('the first value is there', () => valuesOf(intake, server.url, 1).length === 1);
  server.muteSubscriptions();
  const muted = performance.now();
  await waitUntil('the old value is old enough', () => performance.now() - muted > 1500);
  server.set('a', 5);
  await waitUntil('the new value is there', () => valuesOf(intake, server.url, 1).includes(5), { limitMs: 30_000 });
  expect(status(server.url)).toMatchObject({ silent_subscriptions: 1, recreated_subscriptions: 1, connections: 1 });
});

test('servers that refuse, hang or answer slowly do not disturb the others; a node at two servers is read at one', async () => {
  const one = await stage.serve({ variables: [{ name: 'a', dataType: DataType.Double, value: 1 }] });
  const other = await stage.serve({ variables: [{ name: 'a', dataType: DataType.Double, value: 2 }] });
  const behind = await stage.serve({ variables: [{ name: 'far', dataType: DataType.Double, value: 3 }] });
  const dead = `opc.tcp://127.0.0.1:${await freePort()}`;
  const hanging = await openTcpProxy({ port: behind.port });
  const slow = await openTcpProxy({ port: behind.port });
  for (const proxy of [hanging, slow]) stage.onClose(() => proxy.close());
  hanging.blackhole();
  slow.delay(400);
  const [hangingUrl, slowUrl] = [hanging, slow].map(({ port }) => `opc.tcp://127.0.0.1:${port}`) as [string, string];
  const { intake, status } = await stage.receive(
    [dead, hangingUrl, slowUrl, one.url, other.url],
    [signal(1, one.addressOf('a')), signal(2, behind.addressOf('far'))],
  );
  await waitUntil(
    'both good ones are connected',
    () => status(one.url)['connected'] === true && status(other.url)['connected'] === true,
  );
  await waitUntil('one has reported', () => intake.of(one.url) ?? intake.of(other.url));
  // Neither waited for the one that never answers: its first attempt has not been given up yet.
  expect(status(hangingUrl)['last_error']).toBe('');
  await waitUntil('the dead one says why', () => String(status(dead)['last_error']).includes('ECONNREFUSED'));
  const itemsOf = (...urls: string[]) => urls.reduce((sum, url) => sum + Number(status(url)['items']), 0);
  await waitUntil('one of the good ones has the node', () => itemsOf(one.url, other.url) === 1);
  await waitUntil('the slow one has reported', () => valuesOf(intake, slowUrl, 2).includes(3), { limitMs: 60_000 });
  expect(status(slowUrl)).toMatchObject({ connected: true, items: 1 });
  await waitUntil('the hanging one says why', () => status(hangingUrl)['last_error'] !== '', { limitMs: 60_000 });
  const server = [one, other].find(({ url }) => status(url)['items'] === 1);
  server?.set('a', 50);
  await waitUntil('the good one still reports', () => valuesOf(intake, server?.url ?? '', 1).includes(50), {
    limitMs: 2000,
  });
});

test('a node that two servers create at the same moment is reported by one', async () => {
  const servers = [
    await stage.serve({ variables: [{ name: 'a', dataType: DataType.Double, value: 1 }] }),
    await stage.serve({ variables: [{ name: 'a', dataType: DataType.Double, value: 2 }] }),
  ];
  // Slow lines, so that each link asks for the item long before the other one's answer is there.
  const proxies = await Promise.all(servers.map(({ port }) => openTcpProxy({ port })));
  for (const proxy of proxies) {
    stage.onClose(() => proxy.close());
    proxy.delay(200);
  }
  const urls = proxies.map(({ port }) => `opc.tcp://127.0.0.1:${port}`);
  const { status } = await stage.receive(urls, [signal(1, servers[0]?.addressOf('a') ?? '')]);
  await waitUntil('both are connected', () => urls.every((url) => status(url)['connected'] === true), {
    limitMs: 60_000,
  });
  await waitUntil('one of them has the node', () => {
    const items = urls.map((url) => Number(status(url)['items']));
    return items.includes(1) && items.includes(0);
  });
});

test('limits of the server are respected: few items a call or a subscription, few values a read, few histories', async () => {
  const variables = Array.from({ length: 25 }, (_, index) => ({
    name: `v${index}`,
    dataType: DataType.Double,
    value: index,
    history: true,
  }));
  const limits = {
    maxMonitoredItemsPerCall: 4,
    maxMonitoredItemsPerSubscription: 10,
    maxNodesPerRead: 3,
    maxNodesPerHistoryReadData: 2,
  };
  const port = await freePort();
  const first = await stage.serve({ port, variables, ...limits });
  const signals = variables.map(({ name }, index) => signal(index + 1, first.addressOf(name)));
  const proxy = await openTcpProxy({ port });
  stage.onClose(() => proxy.close());
  const url = `opc.tcp://127.0.0.1:${proxy.port}`;
  const { intake, status } = await stage.receive([url], signals, { staleAfterMs: 100 });
  await waitUntil('all have reported', () => intake.readings(url).length === 25);
  expect(status(url)).toMatchObject({ items: 25, subscriptions: 3, refused_items: 0 });
  const areGood = () => variables.every((_, index) => valuesOf(intake, url, index + 1).at(-1) === index);
  await proxy.refuse();
  await waitUntil('all are stale', () => status(url)['stale_readings'] === 25);
  expect(areGood()).toBe(false);
  await proxy.heal();
  // Nothing has changed, so nothing is reported: the values are read, three at once.
  await waitUntil('all are good again', areGood, { limitMs: 30_000 });
  expect(status(url)).toMatchObject({ connections: 1, last_error: '' });
  await first.close();
  await waitUntil('the end is seen', () => status(url)['connected'] === false);
  await stage.serve({ port, variables, ...limits });
  await waitUntil('the histories are read', () => Number(status(url)['backfilled_values']) >= 25, { limitMs: 60_000 });
  expect(status(url)).toMatchObject({ items: 25, subscriptions: 3, refused_items: 0, unfilled_outages: 0 });
});
