import { createServer, type Server } from 'node:net';
import { Aedes } from 'aedes';
import mqtt, { type IPublishPacket } from 'mqtt';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { waitUntil } from '../../../core/testing/wait-until.ts';
import { hasMosquitto, startMosquitto, type Mosquitto } from '../../../core/testing/mosquitto.ts';
import { takeAcknowledgements, type Acknowledger } from './acknowledge.ts';
import { connectMqtt, VersionError, type MqttConnection, type MqttVersion } from './connect.ts';

// The contract with MQTT.js on which holding acknowledgements rests (acknowledge.ts), against two real brokers. If a new
// version of the library breaks one of these, messages would be lost or the connection would die: do not update then.

interface Session {
  connection: MqttConnection;
  acknowledger: Acknowledger;
  messages: IPublishPacket[];
}

const opened: MqttConnection[] = [];
let count = 0;

async function openSession(url: string, version: MqttVersion, clientId: string): Promise<Session> {
  const messages: IPublishPacket[] = [];
  let acknowledger: Acknowledger | undefined;
  const connection = await connectMqtt({
    url,
    clientId,
    version,
    keepAliveSeconds: 1,
    prepare(client) {
      acknowledger = takeAcknowledgements(client, (packet) => messages.push(packet));
    },
  });
  opened.push(connection);
  if (acknowledger === undefined) throw new Error('connectMqtt did not call prepare.');
  return { connection, acknowledger, messages };
}

async function cut({ connection }: Session): Promise<void> {
  connection.client.stream.destroy();
  await connection.ended;
}

async function publishMany(url: string, topic: string, amount: number): Promise<void> {
  const publisher = await mqtt.connectAsync(url);
  await Promise.all(
    Array.from({ length: amount }, (_, index) => publisher.publishAsync(topic, String(index), { qos: 1 })),
  );
  await publisher.endAsync();
}

const texts = (messages: IPublishPacket[]): string[] => messages.map(({ payload }) => payload.toString());

afterEach(() => {
  for (const { client } of opened.splice(0)) client.end(true);
});

/** `marksDuplicates`: aedes 1.2 delivers again without the DUP flag, so that nothing of ours may rest on it. */
function contract(version: MqttVersion, marksDuplicates: boolean, url: () => string): void {
  describe(`MQTT ${version === 5 ? '5' : '3.1.1'}`, () => {
    test('200 messages are handed over while not one is acknowledged, and the connection outlives its keep-alive', async () => {
      const clientId = `contract-${count++}`;
      const session = await openSession(url(), version, clientId);
      await session.connection.client.subscribeAsync(`${clientId}/#`, { qos: 1 });
      await publishMany(url(), `${clientId}/a`, 200);
      await waitUntil('200 messages have arrived', () => session.messages.length === 200);
      expect(session.acknowledger.waiting).toBe(200);
      let ended = false;
      void session.connection.ended.then(() => {
        ended = true;
      });
      const pings = new Set<number>();
      session.connection.client.on('packetreceive', (packet) => {
        if (packet.cmd === 'pingresp') pings.add(performance.now());
      });
      await waitUntil('three pings were answered', () => pings.size >= 3);
      expect(ended).toBe(false);
      expect(texts(session.messages)).toEqual(Array.from({ length: 200 }, (_, index) => String(index)));
    });

    test('after a cut exactly the messages that were not acknowledged come again', async () => {
      const clientId = `contract-${count++}`;
      const first = await openSession(url(), version, clientId);
      await first.connection.client.subscribeAsync(`${clientId}/#`, { qos: 1 });
      await publishMany(url(), `${clientId}/a`, 50);
      await waitUntil('50 messages have arrived', () => first.messages.length === 50);
      for (const { messageId } of first.messages.slice(0, 45)) first.acknowledger.acknowledge(messageId ?? 0);
      await waitUntil('the acknowledgements were read', () => first.connection.client.stream.writableLength === 0);
      // An answered request behind them says that the broker has read them.
      await first.connection.client.subscribeAsync(`${clientId}/flush`, { qos: 0 });
      await cut(first);
      const second = await openSession(url(), version, clientId);
      expect(second.connection.sessionPresent).toBe(true);
      await waitUntil('5 messages came again', () => second.messages.length === 5);
      expect(texts(second.messages)).toEqual(['45', '46', '47', '48', '49']);
      expect(second.messages.every(({ dup }) => dup)).toBe(marksDuplicates);
      for (const { messageId } of second.messages) second.acknowledger.acknowledge(messageId ?? 0);
      await second.connection.client.subscribeAsync(`${clientId}/flush`, { qos: 0 });
      await cut(second);
      const third = await openSession(url(), version, clientId);
      await publishMany(url(), `${clientId}/a`, 1);
      await waitUntil('the new message has arrived', () => third.messages.length >= 1);
      expect(texts(third.messages)).toEqual(['0']);
    });

    test('an acknowledgement that comes after the connection was cut is not sent on the next one', async () => {
      const clientId = `contract-${count++}`;
      const first = await openSession(url(), version, clientId);
      await first.connection.client.subscribeAsync(`${clientId}/#`, { qos: 1 });
      await publishMany(url(), `${clientId}/a`, 3);
      await waitUntil('3 messages have arrived', () => first.messages.length === 3);
      await cut(first);
      const second = await openSession(url(), version, clientId);
      await waitUntil('3 messages came again', () => second.messages.length === 3);
      for (const { messageId } of first.messages) first.acknowledger.acknowledge(messageId ?? 0);
      await second.connection.client.subscribeAsync(`${clientId}/flush`, { qos: 0 });
      await cut(second);
      const third = await openSession(url(), version, clientId);
      await waitUntil('3 messages came once more', () => third.messages.length === 3);
      expect(texts(third.messages)).toEqual(['0', '1', '2']);
    });
  });
}

describe('with aedes', () => {
  let broker: Aedes;
  let server: Server;
  let url = '';

  beforeAll(async () => {
    broker = await Aedes.createBroker();
    server = createServer(broker.handle);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    url = `mqtt://127.0.0.1:${(server.address() as { port: number }).port}`;
  });
  afterAll(async () => {
    await new Promise<void>((resolve) => broker.close(() => resolve()));
    await new Promise<void>((resolve) => server.close(() => resolve()));
  });

  contract(4, false, () => url);

  test('MQTT 5 is refused in a way that is recognized', async () => {
    await expect(openSession(url, 5, 'contract-version')).rejects.toThrow(VersionError);
  });
});

describe.skipIf(!hasMosquitto)(`with mosquitto${hasMosquitto ? '' : ' (skipped: mosquitto is not installed)'}`, () => {
  let broker: Mosquitto;
  beforeAll(async () => {
    broker = await startMosquitto();
  });
  afterAll(() => broker.stop());

  contract(5, true, () => broker.url);
  contract(4, true, () => broker.url);
});
