import mqtt, { type MqttClient } from 'mqtt';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { silentLog } from '../log.ts';
import { waitUntil } from '../testing/wait-until.ts';
import { startEmbeddedBroker, type EmbeddedBroker } from './broker.ts';

let broker: EmbeddedBroker;
const clients: MqttClient[] = [];

beforeEach(async () => {
  broker = await startEmbeddedBroker({ log: silentLog });
});
afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.endAsync(true)));
  await broker.stop();
});

async function connect(options: mqtt.IClientOptions = {}): Promise<MqttClient> {
  const client = await mqtt.connectAsync(broker.url, { reconnectPeriod: 0, ...options });
  clients.push(client);
  return client;
}

const session = { clientId: 'ingest', clean: false } as const;

test('a persistent session receives every acknowledged message of many publishers at once', async () => {
  const heard = new Set<string>();
  const subscriber = await connect(session);
  subscriber.on('message', (_topic, payload) => heard.add(payload.toString()));
  await subscriber.subscribeAsync('plant/#', { qos: 1 });
  const publishers = await Promise.all([connect(), connect(), connect()]);
  const perPublisher = 1500;
  await Promise.all(
    publishers.flatMap((publisher, who) =>
      // QoS 0 among them: it skips the store and would overtake.
      Array.from({ length: perPublisher }, (_, n) =>
        publisher.publishAsync(`plant/${who}`, `${who} ${n}`, { qos: n % 7 === 0 ? 0 : 1 }),
      ),
    ),
  );
  await waitUntil('all of them have been heard', () => heard.size === publishers.length * perPublisher, {
    limitMs: 30_000,
  });
  expect(heard.size).toBe(4500);
});

test('what was acknowledged while a session was away is delivered when it returns, all of it at once', async () => {
  const first = await connect(session);
  await first.subscribeAsync('plant/#', { qos: 1 });
  await first.endAsync();
  const publisher = await connect();
  for (let n = 0; n < 500; n++) await publisher.publishAsync('plant/a', `one by one ${n}`, { qos: 1 });
  await Promise.all(Array.from({ length: 500 }, (_, n) => publisher.publishAsync('plant/a', String(n), { qos: 1 })));
  const heard = new Set<string>();
  const again = mqtt.connect(broker.url, { ...session, reconnectPeriod: 0 });
  again.on('message', (_topic, payload) => heard.add(payload.toString()));
  clients.push(again);
  const all = (): true => {
    if (heard.size < 1000) throw new Error(`${heard.size} so far`);
    return true;
  };
  expect(await waitUntil('all 1000 have been delivered', all, { limitMs: 20_000 })).toBe(true);
});

test('what is published after a start and before the first session is not acknowledged to nobody', async () => {
  const publisher = await connect();
  const sent = Promise.all(
    Array.from({ length: 20 }, (_, n) => publisher.publishAsync('plant/a', String(n), { qos: 1 })),
  );
  const heard = new Set<string>();
  const subscriber = await connect(session);
  subscriber.on('message', (_topic, payload) => heard.add(payload.toString()));
  await subscriber.subscribeAsync('plant/#', { qos: 1 });
  await sent;
  await waitUntil('all 20 have been heard', () => heard.size === 20);
  expect(heard.size).toBe(20);
});
