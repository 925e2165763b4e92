import mqtt, { type IPublishPacket, type MqttClient } from 'mqtt';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { silentLog } from '../log.ts';
import { waitUntil } from '../testing/wait-until.ts';
import { startEmbeddedBroker, type EmbeddedBroker } from './broker.ts';

// Half of what is asserted here rests on inner ways of aedes that its types do not show: the tests are the contract.
let broker: EmbeddedBroker;
const clients: MqttClient[] = [];
const limitMs = 1000;

beforeEach(async () => {
  broker = await startEmbeddedBroker({ log: silentLog, keeper: 'ingest', limitMs });
});
afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.endAsync(true)));
  await broker.stop();
});

function open(options: mqtt.IClientOptions): MqttClient {
  const client = mqtt.connect(broker.url, { reconnectPeriod: 0, ...options });
  client.on('error', () => undefined);
  clients.push(client);
  return client;
}

async function connect(options: mqtt.IClientOptions = {}): Promise<MqttClient> {
  const client = open(options);
  await new Promise((resolve) => client.once('connect', resolve));
  return client;
}

/** The session that publishers wait for. It acknowledges only when told so; `heard` holds every payload, again and again. */
async function connectKeeper(clientId = 'ingest') {
  const heard: string[] = [];
  const unanswered: (() => void)[] = [];
  let answering = true;
  const client = open({ clientId, clean: false });
  // MQTT.js takes one message at a time while its handler waits, so that the connection itself is answered by hand.
  client.on('packetreceive', (packet) => {
    if (packet.cmd !== 'publish') return;
    heard.push((packet as IPublishPacket).payload.toString());
    const { messageId = 0 } = packet;
    const answer = (): void => void client.stream.write(Buffer.from([0x40, 2, messageId >> 8, messageId & 255]));
    if (packet.qos === 0) return;
    if (answering) answer();
    else unanswered.push(answer);
  });
  // Telling the library that handling failed sends no PUBACK and reads on, as ingest does it.
  client.handleMessage = (_packet, done) => done(new Error('answered by hand'));
  await new Promise((resolve) => client.once('connect', resolve));
  return {
    client,
    heard,
    subscribe: (topic = 'plant/#') => client.subscribeAsync(topic, { qos: 1 }),
    answer(now: boolean): void {
      answering = now;
      if (now) for (const go of unanswered.splice(0)) go();
    },
  };
}

const publishMany = (publisher: MqttClient, count: number, onAcknowledged: () => void): Promise<void>[] =>
  Array.from({ length: count }, async (_, n) => {
    await publisher.publishAsync('plant/a', String(n), { qos: 1 });
    onAcknowledged();
  });

test('a lasting session receives every acknowledged message of many publishers at once', async () => {
  const keeper = await connectKeeper();
  await keeper.subscribe();
  const publishers = await Promise.all([connect(), connect(), connect()]);
  const perPublisher = 1500;
  await Promise.all(
    publishers.flatMap((publisher, who) =>
      // QoS 0 among them: it skips the queue and would overtake.
      Array.from({ length: perPublisher }, (_, n) =>
        publisher.publishAsync(`plant/${who}`, `${who} ${n}`, { qos: n % 7 === 0 ? 0 : 1 }),
      ),
    ),
  );
  const all = publishers.length * perPublisher;
  await waitUntil('all of them have been heard', () => new Set(keeper.heard).size === all, { limitMs: 30_000 });
  expect(keeper.heard.length).toBe(all);
});

test('a publisher is told when the keeper has acknowledged, not before; reading and keep-alive go on meanwhile', async () => {
  const keeper = await connectKeeper();
  await keeper.subscribe();
  keeper.answer(false);
  const publisher = await connect({ keepalive: 1 });
  let told = 0;
  let pings = 0;
  publisher.on('packetreceive', ({ cmd }) => void (cmd === 'pingresp' && pings++));
  const publishing = publishMany(publisher, 600, () => told++);
  await waitUntil(
    'all are with the keeper at once, and a ping was answered',
    () => keeper.heard.length === 600 && pings > 0,
  );
  expect(told).toBe(0);
  keeper.answer(true);
  await Promise.all(publishing);
  expect(told).toBe(600);
});

test('QoS 2 and messages of several topics wait too; what the keeper does not want is acknowledged at once', async () => {
  const keeper = await connectKeeper();
  await keeper.subscribe();
  const other = await connectKeeper('archive');
  await other.subscribe('#');
  keeper.answer(false);
  const publisher = await connect();
  let told = 0;
  const waiting = publisher.publishAsync('plant/b', 'exactly', { qos: 2 }).then(() => told++);
  await publisher.publishAsync('elsewhere', 'now', { qos: 1 });
  await waitUntil('the keeper has it', () => keeper.heard.length === 1);
  await waitUntil('the other has both', () => other.heard.length === 2);
  expect(told).toBe(0);
  keeper.answer(true);
  await waiting;
});

test('a keeper that comes back receives what it had not acknowledged, and the publisher is told then', async () => {
  const first = await connectKeeper();
  await first.subscribe();
  first.answer(false);
  const publisher = await connect();
  let told = 0;
  const publishing = publishMany(publisher, 500, () => told++);
  await waitUntil('all are under way', () => first.heard.length === 500);
  await first.client.endAsync(true);
  publishing.push(...publishMany(publisher, 500, () => told++));
  const again = await connectKeeper();
  await Promise.all(publishing);
  expect(told).toBe(1000);
  expect(new Set(again.heard).size).toBe(500);
  expect(again.heard.length).toBeGreaterThanOrEqual(1000);
});

test('a publisher that would wait too long is closed without an acknowledgement, sends again, and is told then', async () => {
  const keeper = await connectKeeper();
  await keeper.subscribe();
  keeper.answer(false);
  const publisher = await connect({ clientId: 'publisher', reconnectPeriod: 50 });
  let closed = 0;
  let told = 0;
  publisher.on('close', () => closed++);
  const publishing = publishMany(publisher, 20, () => told++);
  await waitUntil('it was closed', () => closed > 0, { limitMs: 10_000 });
  expect(told).toBe(0);
  keeper.answer(true);
  await Promise.all(publishing);
  expect(new Set(keeper.heard).size).toBe(20);
});

test('before the keeper has subscribed nothing is taken; then everything is, once', async () => {
  const publisher = await connect();
  let told = 0;
  const publishing = publishMany(publisher, 20, () => told++);
  const impatient = await connect();
  let closed = false;
  impatient.on('close', () => (closed = true));
  impatient.publish('plant/a', 'too early', { qos: 1 });
  // Another one's connection is served all the same.
  await connect();
  expect(told).toBe(0);
  const keeper = await connectKeeper();
  await keeper.subscribe();
  await Promise.all(publishing);
  await waitUntil('all have been heard', () => keeper.heard.length === 21);
  expect(closed).toBe(false);
});

test('a broker whose keeper never comes closes its publishers', async () => {
  const publisher = await connect();
  const ended = new Promise<void>((resolve) => publisher.once('close', () => resolve()));
  let told = false;
  publisher.publish('plant/a', 'for nobody', { qos: 1 }, (error) => (told = error == null));
  await ended;
  expect(told).toBe(false);
});

test('a full queue refuses the publisher, and memory stays within it', async () => {
  // With the usual patience, so that no publisher is closed for its age.
  await broker.stop();
  broker = await startEmbeddedBroker({ log: silentLog, keeper: 'ingest' });
  const keeper = await connectKeeper();
  await keeper.subscribe();
  await keeper.client.endAsync(true);
  const big = Buffer.alloc(20 * 2 ** 20);
  const publishers: MqttClient[] = [];
  let refused = false;
  while (!refused && publishers.length < 10) {
    const publisher = await connect();
    publisher.on('close', () => (refused = true));
    publishers.push(publisher);
    await new Promise<void>((resolve) => {
      publisher.publish('plant/a', big, { qos: 1 });
      // A PINGRESP comes after what was sent before has been read.
      publisher.once('packetreceive', () => resolve());
      publisher.once('close', () => resolve());
      publisher.sendPing();
    });
  }
  // Six are kept; the seventh may have had its PINGRESP before it was closed.
  expect(publishers.length).toBeGreaterThanOrEqual(7);
  expect(publishers.length).toBeLessThanOrEqual(8);
});

test('a session that is away receives what was queued for it, all at once, and a lost session of others holds up nobody', async () => {
  const archive = await connectKeeper('archive');
  await archive.subscribe();
  await archive.client.endAsync();
  const keeper = await connectKeeper();
  await keeper.subscribe();
  const publisher = await connect();
  await Promise.all(publishMany(publisher, 12_000, () => undefined));
  const again = await connectKeeper('archive');
  await waitUntil('the latest 10,000 have been delivered', () => again.heard.length === 10_000, { limitMs: 20_000 });
  expect(again.heard.at(-1)).toBe('11999');
  expect(new Set(again.heard).size).toBe(10_000);
});

test('retained messages reach a lasting session, and their answers are nobody else’s', async () => {
  const keeper = await connectKeeper();
  await keeper.subscribe('none');
  const publisher = await connect();
  await publisher.publishAsync('plant/r', 'retained', { qos: 1, retain: true });
  await keeper.subscribe();
  await waitUntil('it is there', () => keeper.heard.includes('retained'));
  expect(keeper.heard).toEqual(['retained']);
});
