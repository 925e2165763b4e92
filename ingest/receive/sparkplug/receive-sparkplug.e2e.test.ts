import { createServer, type AddressInfo } from 'node:net';
import { connectAsync } from 'mqtt';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { now, pause } from '../../../core/clock.ts';
import { silentLog } from '../../../core/log.ts';
import { Quality } from '../../../core/reading.ts';
import { readSettings } from '../../../core/settings.ts';
import { Datatype } from '../../../core/sparkplug/datatype.ts';
import { decodePayload } from '../../../core/sparkplug/decode-payload.ts';
import type { MetricToWrite } from '../../../core/sparkplug/encode-payload.ts';
import { createPayloadColumns } from '../../../core/sparkplug/payload-columns.ts';
import { waitUntil } from '../../../core/testing/wait-until.ts';
import type { Fullness, Receiver } from '../receiver.ts';
import { type CollectingIntake, collectIntake, registerSignals } from '../testing/collecting-intake.ts';
import { openEdgeNode, type TestEdgeNode, type TestEdgeNodeOptions } from '../testing/edge-node.ts';
import { startBroker, type TestBroker } from '../testing/mqtt-broker.ts';
import { receiveSparkplug } from './receive-sparkplug.ts';

// A real broker (aedes), a real edge node over its own connection, and the receiver as ingest starts it.
const stateTopic = 'spBv1.0/STATE/the-host';
const name = 'millrace-berlin/line-01';
const clientId = 'millrace-test-sparkplug';
let broker: TestBroker;
let intake: CollectingIntake;
let receiver: Receiver | undefined;
let nodes: TestEdgeNode[] = [];

beforeEach(async () => {
  broker = await startBroker();
  intake = collectIntake();
});
afterEach(async () => {
  for (const node of nodes) await node.close();
  nodes = [];
  await receiver?.close();
  receiver = undefined;
  await broker.close();
});

async function host(more: Record<string, string> = {}): Promise<Receiver> {
  const settings = readSettings({
    MQTT_URL: broker.url,
    MQTT_CLIENT_ID: 'millrace-test',
    SPARKPLUG_HOST_ID: 'the-host',
    SPARKPLUG_REORDER_MS: '300',
    SPARKPLUG_REBIRTH_MS: '1000',
    ...more,
  });
  const registry = await registerSignals([
    { signal_id: 1, protocol: 'sparkplug', address: `${name}/m-001/temperature` },
    { signal_id: 2, protocol: 'sparkplug', address: `${name}/m-001/good`, kind: 'counter' },
  ]);
  receiver = receiveSparkplug({ settings, log: silentLog, clock: now, intake, registry });
  await waitUntil('the host is online', () => receiver?.states()[0]?.connected);
  return receiver;
}

const metrics = (temperature: number, good: number, time = now()): MetricToWrite[] => [
  { alias: 1, timestamp_ms: time, datatype: Datatype.Float, value: temperature },
  { alias: 2, timestamp_ms: time, datatype: Datatype.UInt32, value: good },
];

async function edgeNode(more: Partial<TestEdgeNodeOptions> = {}): Promise<TestEdgeNode> {
  const node = await openEdgeNode({
    url: broker.url,
    group: 'millrace-berlin',
    edge: 'line-01',
    device: 'm-001',
    bdSeq: 7,
    clock: now,
    deviceBirth: () =>
      metrics(20, 100).map((metric, index) => ({ ...metric, name: ['temperature', 'good'][index] as string })),
    ...more,
  });
  nodes.push(node);
  return node;
}

type PublishedState = { online?: boolean; timestamp?: number };
const statesOf = (at = broker) =>
  at.published
    .filter(({ topic }) => topic === stateTopic)
    .map(({ payload, qos, retain }) => ({ ...(JSON.parse(payload.toString()) as object), qos, retain }));
const readings = (signalId: number) => intake.readings(name).filter(({ signal_id }) => signal_id === signalId);

test('the session begins as the specification orders: will, subscriptions, birth with the time of the will', async () => {
  const before = now();
  await host();
  const connect = broker.connects[0];
  expect(connect).toMatchObject({ clean: true, clientId, will: { topic: stateTopic, qos: 1, retain: true } });
  const will = JSON.parse(connect?.will?.payload.toString() ?? '') as { online: boolean; timestamp: number };
  expect(will).toEqual({ online: false, timestamp: expect.any(Number) });
  expect(will.timestamp).toBeGreaterThanOrEqual(before);
  expect(will.timestamp).toBeLessThanOrEqual(now());
  await waitUntil('the birth is published', () => statesOf().length === 1);
  expect(statesOf()).toEqual([{ online: true, timestamp: will.timestamp, qos: 1, retain: true }]);
  expect(broker.events.slice(0, 3)).toEqual([
    { client: clientId, what: 'connect' },
    { client: clientId, what: `subscribe ${stateTopic} qos 1, spBv1.0/# qos 1` },
    { client: clientId, what: `publish ${stateTopic}` },
  ]);
});

test('with MQTT 5 the session begins clean and is not kept either', async () => {
  // aedes speaks 3.1.1 only, so the packet itself is looked at: the bytes after the protocol's name (MQTT 5, 3.1.2).
  let connect: Buffer | undefined;
  const listener = createServer((socket) => socket.once('data', (bytes) => (connect = bytes) && socket.destroy()));
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
  const settings = readSettings({
    MQTT_URL: `mqtt://127.0.0.1:${(listener.address() as AddressInfo).port}`,
    MQTT_VERSION: '5',
  });
  receiver = receiveSparkplug({ settings, log: silentLog, clock: now, intake, registry: await registerSignals([]) });
  const bytes = await waitUntil('the packet is there', () => connect);
  const at = bytes.indexOf('MQTT') + 4;
  const [version = 0, flags = 0] = bytes.subarray(at);
  expect(version).toBe(5);
  // Will retained, will QoS 1, will, clean start.
  expect(flags.toString(2)).toBe('101110');
  // Five bytes of properties: Session Expiry Interval (0x11) of 0.
  expect(bytes.subarray(at + 4, at + 10).toString('hex')).toBe('051100000000');
  await receiver.close();
  receiver = undefined;
  await new Promise((resolve) => listener.close(resolve));
});

test('told that it is offline, the host says at once that it is online, with the same time', async () => {
  await host();
  await waitUntil('the birth is published', () => statesOf().length === 1);
  const [birth] = statesOf();
  const other = await connectAsync(broker.url, { clientId: 'other' });
  await other.publishAsync(stateTopic, JSON.stringify({ online: false, timestamp: 1 }), { qos: 1, retain: true });
  await waitUntil('it is said again', () => statesOf().length >= 3);
  expect(statesOf().slice(2)).toEqual([birth]);
  await other.endAsync();
});

test('while the journal is full the host says that it is offline, asks for nothing, and is online again when there is room', async () => {
  let tell: (full: boolean) => void = () => undefined;
  const whole = intake;
  const fullness = { fullness: 'journal' as Fullness | null, isRoomy: false };
  intake = Object.assign({ ...whole }, fullness, {
    onFull(listener: typeof tell) {
      tell = listener;
      return () => undefined;
    },
  });
  const state = () => receiver?.states()[0]?.status['state'];
  // A session that begins with a full journal says this first.
  await host();
  await waitUntil('the state is published', () => statesOf().length === 1);
  const [death] = statesOf();
  expect(death).toMatchObject({ online: false });
  expect(state()).toBe('offline: the journal is full');
  const node = await edgeNode();
  await node.bear();
  await node.sendData(metrics(1, 1), 6);
  await waitUntil('who sends all the same is listened to', () => whole.of(name)?.lost_upstream === 4);
  // Room, but not plenty.
  Object.assign(intake, { fullness: null });
  tell(false);
  await pause(4000);
  expect(statesOf()).toEqual([death]);
  expect(node.rebirthRequests).toBe(0);
  Object.assign(intake, { isRoomy: true });
  const since = now();
  await waitUntil('it is online again', () => statesOf().length >= 2);
  expect(now() - since).toBeGreaterThan(2500);
  await waitUntil('the gap is healed now', () => node.rebirthRequests === 1);
  expect(state()).toBe('online');
  Object.assign(intake, { fullness: 'journal', isRoomy: false });
  tell(true);
  await waitUntil('it is offline at once', () => statesOf().length >= 3);
  expect(statesOf()).toEqual([death, { ...death, online: true }, death]);
});

test('an orderly end publishes the death before the goodbye; a broken connection leaves it to the will', async () => {
  const first = await host();
  const beforeEnd = now();
  await first.close();
  const death = statesOf().at(-1) as { online?: boolean; timestamp?: number } | undefined;
  expect(death).toMatchObject({ online: false, qos: 1, retain: true });
  expect(death?.timestamp).toBeGreaterThanOrEqual(beforeEnd);
  await waitUntil('the connection is closed', () => broker.events.at(-1)?.what === 'disconnect');
  expect(broker.events.at(-2)).toEqual({ client: clientId, what: `publish ${stateTopic}` });

  await host();
  await waitUntil('the new birth is published', () => (statesOf().at(-1) as { online?: boolean }).online === true);
  const birth = statesOf().at(-1);
  broker.cut(clientId);
  await waitUntil('the host is online again', () => broker.connects.length === 3 && receiver?.states()[0]?.connected);
  await waitUntil('its birth has a new time', () => {
    const last = statesOf().at(-1) as { online?: boolean; timestamp?: number };
    return last.online === true && last.timestamp !== (birth as unknown as { timestamp: number }).timestamp;
  });
  expect(statesOf()).toContainEqual({ ...birth, online: false });
});

test('births and data by alias become readings; deaths make them stale', async () => {
  await host();
  const node = await edgeNode();
  await node.bear();
  const time = now() + 1;
  await node.sendData(metrics(21.37, 4_000_000_000, time));
  await waitUntil('the data are there', () => readings(2).length === 2);
  expect(readings(1)[1]).toEqual({
    signal_id: 1,
    time_us: time * 1000,
    value: Math.fround(21.37),
    quality: Quality.good,
    historical: false,
  });
  expect(readings(2)[1]).toMatchObject({ value: 4_000_000_000, time_us: time * 1000 });
  expect(node.rebirthRequests).toBe(0);

  await node.killDevice(time + 5);
  await waitUntil('the device is stale', () => readings(1).length === 3);
  expect(readings(1)[2]).toMatchObject({ value: null, quality: Quality.stale, time_us: (time + 5) * 1000 + 1 });

  await node.bear();
  await waitUntil('it is born again', () => readings(1).length === 4);
  await node.sayDeath(6);
  await node.sendData(metrics(22, 101));
  await waitUntil('a death of another session is ignored', () => readings(1).at(-1)?.value === 22);
  const beforeDeath = now();
  broker.cut('edge-millrace-berlin-line-01');
  await waitUntil('the will has made it stale', () => readings(1).at(-1)?.quality === Quality.stale);
  expect(readings(1).at(-1)?.time_us).toBeGreaterThanOrEqual(beforeDeath * 1000);
  expect(receiver?.states().find((state) => state.name === name)).toMatchObject({
    connected: false,
    status: { ignored_deaths: 1, deaths: 1, lost_messages: 0 },
  });
});

test('a host that comes later asks once, is told everything, and a gap is healed by a rebirth', async () => {
  const node = await edgeNode();
  await node.bear();
  await host();
  await node.sendData(metrics(1, 1));
  await waitUntil('the node was asked and has answered', () => readings(1).length === 1);
  expect(node.rebirthRequests).toBe(1);
  expect(intake.of(name)?.rejected.map(({ reason }) => reason)).toEqual(['before_birth']);

  const request = broker.published.find(({ topic }) => topic === 'spBv1.0/millrace-berlin/NCMD/line-01');
  const columns = createPayloadColumns();
  const payload = request?.payload as Buffer;
  expect(decodePayload(payload, columns)).toBeNull();
  expect(request).toMatchObject({ qos: 0, retain: false });
  expect([columns.length, columns.seq, columns.datatype[0], columns.number[0]]).toEqual([1, -1, Datatype.Boolean, 1]);
  expect(payload.toString('utf8', columns.name_start[0], columns.name_end[0])).toBe('Node Control/Rebirth');
  expect(Math.abs(columns.timestamp_ms - now())).toBeLessThan(10_000);

  await node.sendData(metrics(2, 2), 6);
  await waitUntil('the gap was noticed and healed', () => node.rebirthRequests === 2);
  expect(intake.of(name)?.lost_upstream).toBe(4);
  expect(readings(1).map(({ value }) => value)).toContain(2);
});

test('a node that never answers is not asked with every message', async () => {
  await host();
  const node = await edgeNode({ isObedient: false });
  for (let message = 0; message < 200; message++) await node.sendData(metrics(message, message));
  await waitUntil('all messages were seen', () => intake.of(name)?.received === 200);
  await waitUntil('it was asked a second time', () => node.rebirthRequests === 2);
  expect(intake.of(name)?.rejected).toHaveLength(200);
});

test('the end of the connection to the broker makes everything stale, and births follow the return', async () => {
  await host();
  const node = await edgeNode();
  await node.bear();
  await waitUntil('it is born', () => readings(1).length === 1);
  broker.cut(clientId);
  await waitUntil('it is stale', () => readings(1)[1]?.quality === Quality.stale);
  await waitUntil('it was asked and is born again', () => readings(1)[2]?.quality === Quality.good);
  expect(node.rebirthRequests).toBe(1);
});

test('two servers, one host id: each session has its own time, its birth comes first, and a loss concerns one only', async () => {
  // One ingest for each server, as the plant would run them.
  const other = await startBroker();
  await host();
  const first = receiver as Receiver;
  const second = await host({ MQTT_URL: other.url });
  try {
    for (const at of [broker, other]) {
      await waitUntil('the birth is published', () => statesOf(at).length === 1);
      expect(at.events.filter(({ what }) => what.startsWith('publish'))).toEqual([
        { client: clientId, what: `publish ${stateTopic}` },
      ]);
    }
    const births = [statesOf(broker)[0], statesOf(other)[0]] as PublishedState[];
    expect(births).toMatchObject([{ online: true }, { online: true }]);
    expect(births[1]?.timestamp).toBeGreaterThan(births[0]?.timestamp ?? Number.NaN);

    other.cut(clientId);
    await waitUntil('it is online again', () => other.connects.length === 2 && second.states()[0]?.connected);
    await waitUntil('with a new time', () => {
      const last = statesOf(other).at(-1) as PublishedState;
      return last.online === true && (last.timestamp ?? 0) > (births[1]?.timestamp ?? Number.NaN);
    });
    const begun = other.events.map(({ what }) => what).lastIndexOf('connect');
    const published = other.events
      .slice(begun)
      .filter(({ client, what }) => client === clientId && what.startsWith('publish'));
    expect(published[0]?.what).toBe(`publish ${stateTopic}`);
    expect(statesOf(broker)).toEqual([{ ...births[0], qos: 1, retain: true }]);
    expect(broker.connects).toHaveLength(1);
  } finally {
    await first.close();
    await second.close();
    await other.close();
  }
});
