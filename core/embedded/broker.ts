import { createServer, type Server } from 'node:net';
import { Aedes } from 'aedes';
import type { Log } from '../log.ts';

export interface EmbeddedBroker {
  url: string;
  port: number;
  stop(): Promise<void>;
}

/**
 * An MQTT 3.1.1 broker (aedes) on 127.0.0.1, with its sessions in memory: what it has acknowledged and not yet delivered
 * ends with it, as with a stock mosquitto (docs/decisions/embedded-broker.md says why not in LevelDB, and what then).
 * Throws a sentence when the port is taken.
 */
export async function startEmbeddedBroker(options: { port?: number; log: Log }): Promise<EmbeddedBroker> {
  const { log } = options;
  const broker = await Aedes.createBroker({
    // The defaults (100 and 42) would throttle one subscriber that takes a whole plant.
    concurrency: 1000,
    queueLimit: 10_000,
  });
  holdUntilSubscribed(broker);
  broker.on('clientError', (client, error) => log.debug({ client: client.id, error }, 'client error'));
  broker.on('connectionError', (_client, error) => log.debug({ error }, 'connection refused'));
  const server = createServer((socket) => {
    socket.setNoDelay(true);
    broker.handle(socket);
  });
  const port = await listen(server, options.port ?? 0);
  return {
    url: `mqtt://127.0.0.1:${port}`,
    port,
    async stop() {
      await new Promise<void>((resolve) => broker.close(() => resolve()));
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

function listen(server: Server, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) => {
      const text =
        cause.code === 'EADDRINUSE'
          ? `Port ${port} is taken by another program; set MQTT_URL to a broker of yours.`
          : cause.message;
      reject(new Error(text, { cause }));
    });
    server.listen(port, '127.0.0.1', () => {
      const address = server.address();
      resolve(typeof address === 'object' && address !== null ? address.port : port);
    });
  });
}

/** Publishers wait so long, at most, for the first session after a start. */
const holdMs = 10_000;

/**
 * Takes no message until a session that outlives its connection (ingest's) has subscribed. After the broker alone was
 * started anew, publishers come back in the same second as ingest; what they published in between would be acknowledged
 * and reach nobody. Held back it is simply not acknowledged yet, and with the connection's end it is sent again.
 */
function holdUntilSubscribed(broker: Aedes): void {
  let held: (() => void)[] | undefined = [];
  function open(): void {
    for (const take of held ?? []) take();
    held = undefined;
  }
  const timer = setTimeout(open, holdMs);
  timer.unref();
  broker.on('subscribe', (_subscriptions, client) => {
    if ((client as { clean?: boolean }).clean === false) open();
  });
  broker.on('closed', () => clearTimeout(timer));
  const authorize = broker.authorizePublish;
  broker.authorizePublish = (client, packet, done) => {
    const take = (): void => authorize.call(broker, client, packet, done);
    // Births and deaths of Sparkplug are QoS 0 and healed by its own rules; they need no holding.
    if (held === undefined || packet.qos === 0) take();
    else held.push(take);
  };
}
