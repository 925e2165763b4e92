import { createServer, type AddressInfo, type Socket } from 'node:net';
import { Aedes, type AedesPublishPacket, type ConnectPacket } from 'aedes';

/** A real broker in this process that remembers what was done, in order. */
export interface TestBroker {
  readonly url: string;
  readonly port: number;
  readonly connects: ConnectPacket[];
  /** `connect`, `subscribe <topics>`, `publish <topic>` and `disconnect` of each client, in order. */
  readonly events: { client: string; what: string }[];
  /** Everything that clients published, wills included. */
  readonly published: AedesPublishPacket[];
  /** Ends the TCP connection of a client without a goodbye, so that its will is sent. */
  cut(clientId: string): void;
  close(): Promise<void>;
}

export async function startBroker(): Promise<TestBroker> {
  const connects: ConnectPacket[] = [];
  const events: TestBroker['events'] = [];
  const published: AedesPublishPacket[] = [];
  const sockets = new Map<string, Socket>();
  const aedes = await Aedes.createBroker({
    preConnect(client, packet, done) {
      connects.push(packet);
      events.push({ client: packet.clientId, what: 'connect' });
      sockets.set(packet.clientId, client.conn as Socket);
      done(null, true);
    },
  });
  aedes.on('subscribe', (subscriptions, client) => {
    const topics = subscriptions.map(({ topic, qos }) => `${topic} qos ${qos}`).join(', ');
    events.push({ client: client.id, what: `subscribe ${topics}` });
  });
  aedes.on('publish', (packet, client) => {
    // The broker's own messages ($SYS) come without a client; wills too, but on a topic of a client.
    if (packet.topic.startsWith('$SYS')) return;
    published.push(packet);
    events.push({ client: client?.id ?? 'will', what: `publish ${packet.topic}` });
  });
  aedes.on('clientDisconnect', (client) => events.push({ client: client.id, what: 'disconnect' }));
  const server = createServer((socket) => aedes.handle(socket));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `mqtt://127.0.0.1:${port}`,
    port,
    connects,
    events,
    published,
    cut: (clientId) => sockets.get(clientId)?.destroy(),
    async close() {
      await new Promise<void>((resolve) => aedes.close(resolve));
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
