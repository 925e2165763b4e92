import { afterEach, beforeEach, expect, test } from 'vitest';
import { monotonic, now } from '../../../core/clock.ts';
import { silentLog } from '../../../core/log.ts';
import { Quality } from '../../../core/reading.ts';
import { readSettings } from '../../../core/settings.ts';
import { Datatype } from '../../../core/sparkplug/datatype.ts';
import { waitUntil } from '../../../core/testing/wait-until.ts';
import { openTcpProxy, type TcpProxy } from '../../../simulators/faults/tcp-proxy.ts';
import type { Receiver } from '../receiver.ts';
import { type CollectingIntake, collectIntake, registerSignals } from '../testing/collecting-intake.ts';
import { openEdgeNode, type TestEdgeNode } from '../testing/edge-node.ts';
import { startBroker, type TestBroker } from '../testing/mqtt-broker.ts';
import { receiveSparkplug } from './receive-sparkplug.ts';

// A line that swallows what is said gives no error by itself: only the keep-alive tells.
const name = 'millrace-berlin/line-01';
const stateTopic = 'spBv1.0/STATE/millrace';
let broker: TestBroker;
let line: TcpProxy;
let intake: CollectingIntake;
let receiver: Receiver | undefined;
let node: TestEdgeNode | undefined;

beforeEach(async () => {
  broker = await startBroker();
  line = await openTcpProxy({ port: broker.port });
  intake = collectIntake();
});
afterEach(async () => {
  await node?.close();
  await receiver?.close();
  [node, receiver] = [undefined, undefined];
  await line.close();
  await broker.close();
});

async function host(url: string): Promise<void> {
  const settings = readSettings({ MQTT_URL: url, SPARKPLUG_REORDER_MS: '300', SPARKPLUG_REBIRTH_MS: '1000' });
  const registry = await registerSignals([
    { signal_id: 1, protocol: 'sparkplug', address: `${name}/m-001/temperature` },
  ]);
  receiver = receiveSparkplug({ settings, log: silentLog, clock: now, intake, registry });
  await waitUntil('the host is online', () => receiver?.states()[0]?.connected);
}

const edgeNode = (url: string, keepAliveSeconds: number): Promise<TestEdgeNode> =>
  openEdgeNode({
    url,
    group: 'millrace-berlin',
    edge: 'line-01',
    device: 'm-001',
    bdSeq: 1,
    clock: now,
    keepAliveSeconds,
    deviceBirth: () => [{ ...temperature(20), name: 'temperature' }],
  });
const temperature = (value: number) => ({ alias: 1, timestamp_ms: now(), datatype: Datatype.Float, value });
const readings = () => intake.readings(name);
const url = (proxy: TcpProxy): string => `mqtt://127.0.0.1:${proxy.port}`;
const lastState = (): unknown => {
  const last = broker.published.findLast(({ topic }) => topic === stateTopic);
  return last === undefined ? undefined : (JSON.parse(last.payload.toString()) as { online: boolean }).online;
};

test.each([
  ['silent in both directions', (proxy: TcpProxy) => proxy.blackhole()],
  ['half-open: what the broker says is lost', (proxy: TcpProxy) => proxy.halfOpen('down')],
  ['half-open: what the host says is lost', (proxy: TcpProxy) => proxy.halfOpen('up')],
] as const)(
  'a line to the broker that is %s: stale within 20 s, told offline, and data flow again',
  async (_, cause) => {
    await host(url(line));
    node = await edgeNode(broker.url, 60);
    await node.bear();
    await waitUntil('it is born', () => readings().length === 1);
    const [silentAt, silentSince] = [monotonic(), now()];
    cause(line);
    await waitUntil('everything is stale', () => readings().at(-1)?.quality === Quality.stale, { limitMs: 25_000 });
    expect(monotonic() - silentAt).toBeLessThan(20_000);
    expect(readings().at(-1)).toMatchObject({ value: null });
    expect(readings().at(-1)?.time_us).toBeGreaterThanOrEqual(silentSince * 1000);
    expect(receiver?.states().map(({ connected }) => connected)).toEqual([false, false]);
    // Edge nodes that wait for their primary host learn it from the broker.
    await waitUntil('the broker tells our death', () => lastState() === false, { limitMs: 20_000 });
    await node.sendData([temperature(21)]);
    await line.heal();
    line.cut();
    await waitUntil('it is asked and born again', () => readings().at(-1)?.quality === Quality.good, {
      limitMs: 40_000,
    });
    await node.sendData([temperature(22)]);
    await waitUntil('data flow again', () => readings().at(-1)?.value === 22);
    expect(lastState()).toBe(true);
    expect(node.rebirthRequests).toBeGreaterThan(0);
    // Nothing is stored twice, and what was said into the silence is not made up.
    expect(readings().filter(({ value }) => value === 21)).toEqual([]);
  },
  90_000,
);

test('an edge node whose line falls silent is stale as soon as the broker misses its keep-alive', async () => {
  await host(broker.url);
  node = await edgeNode(url(line), 2);
  await node.bear();
  await waitUntil('it is born', () => readings().length === 1);
  const silentAt = now();
  line.blackhole();
  await waitUntil('it is stale', () => readings().at(-1)?.quality === Quality.stale, { limitMs: 10_000 });
  const staleAt = (readings().at(-1)?.time_us ?? 0) / 1000;
  expect(staleAt).toBeGreaterThanOrEqual(silentAt);
  // One and a half keep-alives, as MQTT orders the broker.
  expect(staleAt - silentAt).toBeLessThan(6000);
  expect(receiver?.states().find((state) => state.name === name)).toMatchObject({ connected: false });
  await node.close();
  node = await edgeNode(broker.url, 60);
  await node.bear();
  await waitUntil('it is back', () => readings().at(-1)?.quality === Quality.good);
  expect(readings()).toHaveLength(3);
});
