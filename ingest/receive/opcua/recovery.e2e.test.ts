import { DataType, StatusCodes } from 'node-opcua';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { now } from '../../../core/clock.ts';
import { Quality } from '../../../core/reading.ts';
import { waitUntil } from '../../../core/testing/wait-until.ts';
import { openTcpProxy } from '../../../simulators/faults/tcp-proxy.ts';
import { freePort } from '../testing/opcua-server.ts';
import { type OpcuaStage, openOpcuaStage, opcuaSignal as signal, valuesOf } from '../testing/opcua-stage.ts';

let stage: OpcuaStage;
beforeAll(async () => {
  stage = await openOpcuaStage();
});
afterEach(() => stage.closeAll());
afterAll(() => stage.remove());

const double = (name: string, value: number, history = false) => ({ name, dataType: DataType.Double, value, history });

/** Several values, each sampled before the next one is set. */
async function setEach(set: (value: number) => void, values: readonly number[]): Promise<void> {
  for (const value of values) {
    const setAt = performance.now();
    set(value);
    await waitUntil('the server has sampled it', () => performance.now() - setAt > 120);
  }
}

async function openBehindProxy(port: number) {
  const proxy = await openTcpProxy({ port });
  stage.onClose(() => proxy.close());
  return { proxy, url: `opc.tcp://127.0.0.1:${proxy.port}` };
}

test('signals of a lost server are stale from the time it was last heard, and come back, those at rest too', async () => {
  const server = await stage.serve({ variables: [double('moving', 1), double('resting', 2), double('broken', 3)] });
  const { proxy, url } = await openBehindProxy(server.port);
  const signals = ['moving', 'resting', 'broken'].map((name, index) => signal(index + 1, server.addressOf(name)));
  const { intake, status } = await stage.receive([url], signals, { staleAfterMs: 300 });
  await waitUntil('the first values are there', () => intake.readings(url).length === 3);
  const lostUs = now() * 1000;
  await proxy.refuse();
  await waitUntil('all are stale', () => intake.readings(url).length === 6);
  const marks = intake.readings(url).slice(3);
  for (const mark of marks) expect(mark).toMatchObject({ value: null, quality: Quality.stale, historical: false });
  // Not later than it was heard, give or take the two clocks; never before the last value.
  for (const { time_us } of marks) expect(time_us).toBeLessThan(lostUs + 2_000_000);
  for (const [row, mark] of marks.entries())
    expect(mark.time_us).toBeGreaterThan(intake.readings(url)[row]?.time_us ?? 0);
  await setEach((value) => server.set('moving', value), [10, 11]);
  server.set('broken', 3, { status: StatusCodes.BadSensorFailure.value });
  await proxy.heal();
  await waitUntil('the connection is back', () => status(url)['connected'] === true, { limitMs: 30_000 });
  await waitUntil('the one at rest is back', () => valuesOf(intake, url, 2).at(-1) === 2, { limitMs: 10_000 });
  await waitUntil('the moving one is back', () => valuesOf(intake, url, 1).at(-1) === 11);
  expect(valuesOf(intake, url, 1)).toEqual([1, null, 10, 11]);
  expect(valuesOf(intake, url, 2)).toEqual([2, null, 2]);
  await waitUntil('the broken one says so', () => intake.readings(url).some(({ quality }) => quality === Quality.bad));
  // After a reconnect node-opcua's server says the present values once more; the store drops what it has.
  const broken = new Map(
    intake.readings(url).flatMap((one) => (one.signal_id === 3 ? [[one.time_us, one.quality]] : [])),
  );
  expect([...broken.values()]).toEqual([Quality.good, Quality.stale, Quality.bad]);
  expect(status(url)).toMatchObject({ stale_readings: 3, connections: 1 });
  // Nothing more comes of it, however often the marks are looked at.
  const count = intake.readings(url).length;
  const seen = performance.now();
  await waitUntil('the marks were looked at again', () => performance.now() - seen > 2500);
  expect(intake.readings(url)).toHaveLength(count);
});

test('a short interruption leaves no stale reading; a restart of ingest does not leave a resting machine stale', async () => {
  const port = await freePort();
  const server = await stage.serve({ port, variables: [double('a', 1)] });
  const { proxy, url } = await openBehindProxy(port);
  const settings = { DATA_DIR: `${stage.directory}/restarted` };
  const first = await stage.receive([url], [signal(1, server.addressOf('a'))], { settings, staleAfterMs: 20_000 });
  await waitUntil('the first value is there', () => first.intake.readings(url).length === 1);
  proxy.cut();
  await waitUntil('the cut is seen', () => first.status(url)['connected'] === false);
  await waitUntil('the connection is back', () => first.status(url)['connected'] === true, { limitMs: 15_000 });
  expect(valuesOf(first.intake, url, 1)).toEqual([1]);
  await first.receiver.close();

  const second = await stage.receive([url], [signal(1, server.addressOf('a'))], { settings, staleAfterMs: 300 });
  await waitUntil('it is there again', () => second.status(url)['connected'] === true, { limitMs: 15_000 });
  await proxy.refuse();
  await waitUntil('it is stale', () => second.intake.readings(url).at(-1)?.quality === Quality.stale);
  await second.receiver.close();
  await proxy.heal();
  const third = await stage.receive([url], [signal(1, server.addressOf('a'))], { settings });
  const since = second.intake.readings(url).at(-1)?.time_us ?? Number.NaN;
  await waitUntil(
    'it is good after the mark',
    () => third.intake.readings(url).some(({ time_us, value }) => value === 1 && time_us > since),
    { limitMs: 15_000 },
  );
});

test('a message that never arrived is asked for again; one that the server has no more is counted as lost', async () => {
  const server = await stage.serve({ variables: [double('a', 0)] });
  const { intake, status } = await stage.receive([server.url], [signal(1, server.addressOf('a'))]);
  await waitUntil('the first value is there', () => valuesOf(intake, server.url, 1).length === 1);
  server.loseNextMessage();
  await setEach((value) => server.set('a', value), [1, 2]);
  await waitUntil('both are there', () => valuesOf(intake, server.url, 1).length === 3);
  expect(valuesOf(intake, server.url, 1)).toEqual([0, 1, 2]);
  expect(intake.readings(server.url)).toHaveLength(3);
  expect(status(server.url)).toMatchObject({ republished_messages: 1, lost_messages: 0 });
  expect(intake.of(server.url)?.lost_upstream).toBe(0);

  server.skipSequenceNumber();
  server.set('a', 3);
  await waitUntil('the gap is counted', () => intake.of(server.url)?.lost_upstream === 1);
  await waitUntil('the value behind it is there', () => valuesOf(intake, server.url, 1).at(-1) === 3);
  expect(status(server.url)).toMatchObject({ republished_messages: 1, lost_messages: 1, connections: 1 });
});

test('messages that overtake each other are taken all the same, though the server keeps none of them', async () => {
  const server = await stage.serve({ variables: [double('a', 0)] });
  const { intake, status } = await stage.receive([server.url], [signal(1, server.addressOf('a'))]);
  await waitUntil('the first value is there', () => valuesOf(intake, server.url, 1).length === 1);
  server.turnNextMessages();
  await setEach((value) => server.set('a', value), [1, 2, 3, 4]);
  await waitUntil('the newest value is there', () => valuesOf(intake, server.url, 1).includes(4));
  expect(valuesOf(intake, server.url, 1)).toEqual([0, 1, 2, 3, 4]);
  expect(intake.readings(server.url).map(({ value }) => value)).toEqual([0, 3, 2, 1, 4]);
  expect(status(server.url)).toMatchObject({ lost_messages: 0, republished_messages: 0, connections: 1 });
});

test('when the session is gone its subscription is taken over, with all that its queue holds', async () => {
  const server = await stage.serve({ variables: [double('a', 0)] });
  const { proxy, url } = await openBehindProxy(server.port);
  const { intake, status } = await stage.receive([url], [signal(1, server.addressOf('a'))], { staleAfterMs: 600_000 });
  await waitUntil('the first value is there', () => valuesOf(intake, url, 1).length === 1);
  await proxy.refuse();
  await waitUntil('the cut is seen', () => status(url)['connected'] === false);
  server.forgetSessions();
  await setEach((value) => server.set('a', value), [1, 2, 3, 4, 5]);
  await proxy.heal();
  await waitUntil('the connection is back', () => status(url)['connected'] === true, { limitMs: 30_000 });
  server.set('a', 6);
  await waitUntil('the newest value is there', () => valuesOf(intake, url, 1).includes(6));
  expect(valuesOf(intake, url, 1)).toEqual([0, 1, 2, 3, 4, 5, 6]);
  expect(status(url)).toMatchObject({ transferred_subscriptions: 1, recreated_subscriptions: 0, lost_messages: 0 });
});

test('a subscription that the server does not hand over is created anew', async () => {
  const server = await stage.serve({ variables: [double('a', 0, true)], transfers: false });
  const { proxy, url } = await openBehindProxy(server.port);
  const { intake, status } = await stage.receive([url], [signal(1, server.addressOf('a'))], { staleAfterMs: 600_000 });
  await waitUntil('the first value is there', () => valuesOf(intake, url, 1).length === 1);
  await proxy.refuse();
  await waitUntil('the cut is seen', () => status(url)['connected'] === false);
  server.forgetSessions();
  await setEach((value) => server.set('a', value), [1, 2, 3]);
  await proxy.heal();
  await waitUntil('the history has filled it', () => valuesOf(intake, url, 1).join() === '0,1,2,3', {
    limitMs: 30_000,
  });
  expect(status(url)).toMatchObject({ transferred_subscriptions: 0, recreated_subscriptions: 1 });
});

test('a queue that was too short for the outage is counted, said, and filled from the history', async () => {
  const variables = [double('a', 0, true), double('b', 0)];
  const server = await stage.serve({ variables });
  const { proxy, url } = await openBehindProxy(server.port);
  // Sampled every 50 ms, for 1 s: 20 values; the server keeps the subscription itself for 15 s.
  const { intake, status } = await stage.receive(
    [url],
    [signal(1, server.addressOf('a')), signal(2, server.addressOf('b'))],
    { settings: { OPCUA_OUTAGE_SECONDS: '1' }, staleAfterMs: 600_000 },
  );
  await waitUntil('the first values are there', () => intake.readings(url).length === 2);
  expect(status(url)).toMatchObject({ bridged_seconds: 1, short_queues: 0 });
  await proxy.refuse();
  await waitUntil('the cut is seen', () => status(url)['connected'] === false);
  const values = Array.from({ length: 30 }, (_, index) => index + 1);
  await setEach((value) => {
    server.set('a', value);
    server.set('b', value);
  }, values);
  await proxy.heal();
  await waitUntil('the overflows are counted', () => status(url)['queue_overflows'] === 2, { limitMs: 30_000 });
  await waitUntil('the history has filled a', () => valuesOf(intake, url, 1).length === 31, { limitMs: 30_000 });
  expect(valuesOf(intake, url, 1)).toEqual([0, ...values]);
  // The first few were on their way already and were kept for us; the queue held the last 20.
  const withoutHistory = valuesOf(intake, url, 2);
  expect(withoutHistory.slice(-20)).toEqual(values.slice(-20));
  expect(withoutHistory.length).toBeLessThan(31);
  expect(intake.of(url)?.lost_upstream).toBe(2);
});

test('a server that grants less than the outage asks for is named with what it bridges', async () => {
  // node-opcua's server grants queues of 5,000 at most: 250 s at 50 ms.
  const server = await stage.serve({ variables: [double('a', 0)] });
  const { status } = await stage.receive([server.url], [signal(1, server.addressOf('a'))], {
    settings: { OPCUA_OUTAGE_SECONDS: '600' },
  });
  await waitUntil('the item is there', () => status(server.url)['items'] === 1);
  expect(status(server.url)).toMatchObject({ bridged_seconds: 250, short_queues: 1 });
});

test('after a restart of the server the queues are as long as before, and bridge the next outage', async () => {
  const port = await freePort();
  const first = await stage.serve({ port, variables: [double('a', 0)] });
  const { proxy, url } = await openBehindProxy(port);
  const { intake, status } = await stage.receive([url], [signal(1, first.addressOf('a'))], { staleAfterMs: 600_000 });
  await waitUntil('the first value is there', () => valuesOf(intake, url, 1).length === 1);
  const bridged = status(url)['bridged_seconds'];
  expect(bridged).toBe(60);
  await first.close();
  await waitUntil('the end is seen', () => status(url)['connected'] === false);
  const second = await stage.serve({ port, variables: [double('a', 100)] });
  await waitUntil('it is served again', () => valuesOf(intake, url, 1).includes(100), { limitMs: 60_000 });
  expect(status(url)).toMatchObject({ bridged_seconds: bridged, short_queues: 0 });
  await waitUntil('it is connected', () => status(url)['connected'] === true);
  await proxy.refuse();
  await waitUntil('the cut is seen', () => status(url)['connected'] === false);
  const values = Array.from({ length: 15 }, (_, index) => 101 + index);
  await setEach((value) => second.set('a', value), values);
  await proxy.heal();
  await waitUntil('the newest value is there', () => valuesOf(intake, url, 1).includes(115), { limitMs: 30_000 });
  expect(valuesOf(intake, url, 1)).toEqual([0, 100, ...values]);
  expect(status(url)).toMatchObject({ queue_overflows: 0 });
});

test('a node that comes late after a restart is taken, and its history since the outage is read', async () => {
  const port = await freePort();
  const first = await stage.serve({ port, variables: [double('a', 0, true), double('late', 0, true)] });
  const signals = [signal(1, first.addressOf('a')), signal(2, first.addressOf('late'))];
  const { intake, status } = await stage.receive([first.url], signals, { staleAfterMs: 300 });
  await waitUntil('the first values are there', () => intake.readings(first.url).length === 2);
  await first.close();
  await waitUntil('the end is seen', () => status(first.url)['connected'] === false);
  const second = await stage.serve({ port, variables: [double('a', 5, true)] });
  await waitUntil('the late one is refused', () => status(second.url)['refused_items'] === 1, { limitMs: 60_000 });
  await waitUntil('it is stale', () => valuesOf(intake, second.url, 2).at(-1) === null);
  await setEach(
    (value) => {
      if (value === 10) second.addVariable('late', DataType.Double, value, { history: true });
      else second.set('late', value);
    },
    [10, 11, 12, 13],
  );
  await waitUntil('its newest value is there', () => valuesOf(intake, second.url, 2).includes(13), { limitMs: 30_000 });
  await waitUntil('its history is there', () => valuesOf(intake, second.url, 2).includes(10), { limitMs: 10_000 });
  expect(valuesOf(intake, second.url, 2)).toEqual([0, null, 10, 11, 12, 13]);
  const historical = intake.readings(second.url).filter((one) => one.historical && one.signal_id === 2);
  // How much of it comes from the history hangs on when the item is created; the first value was there before.
  expect(historical.map(({ value }) => value)).toContain(10);
});

test('items that a server has silently lost are seen after a reconnect and created again', async () => {
  const server = await stage.serve({ variables: [double('a', 1, true), double('b', 2)] });
  const { proxy, url } = await openBehindProxy(server.port);
  const signals = [signal(1, server.addressOf('a')), signal(2, server.addressOf('b'))];
  const { intake, status } = await stage.receive([url], signals);
  await waitUntil('the first values are there', () => intake.readings(url).length === 2);
  server.forgetItems('a');
  proxy.cut();
  await waitUntil('the item is created again', () => status(url)['recreated_items'] === 1, { limitMs: 30_000 });
  await waitUntil('the connection is back', () => status(url)['connected'] === true);
  server.set('a', 11);
  await waitUntil('it reports', () => valuesOf(intake, url, 1).includes(11));
  expect(status(url)).toMatchObject({ items: 2, recreated_subscriptions: 0, connections: 1 });
});
