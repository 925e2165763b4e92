import { createServer, type Server } from 'node:net';
import { Aedes } from 'aedes';
import type { Log } from '../log.ts';
import { holdAcknowledgements } from './broker-holds.ts';

export interface EmbeddedBroker {
  url: string;
  port: number;
  stop(): Promise<void>;
}

export interface EmbeddedBrokerOptions {
  port?: number;
  /** The client id of the session whose acknowledgement a publisher waits for. Without it nobody's. */
  keeper?: string;
  /** How long a publisher waits, at most, while nothing is acknowledged. */
  limitMs?: number;
  log: Log;
}

/**
 * An MQTT 3.1.1 broker (aedes) on 127.0.0.1, with its sessions in memory. Killed, it takes with it what it holds, but not
 * what it has acknowledged: a QoS 1 message is acknowledged when the session `keeper` has (docs/decisions/embedded-broker.md).
 * Throws a sentence when the port is taken.
 */
export async function startEmbeddedBroker(options: EmbeddedBrokerOptions): Promise<EmbeddedBroker> {
  const { log } = options;
  const broker = await Aedes.createBroker({
    // The defaults (100 and 42) would throttle one subscriber that takes a whole plant.
    concurrency: 1000,
    queueLimit: 10_000,
  });
  holdAcknowledgements(broker, {
    keeper: options.keeper,
    log,
    ...(options.limitMs !== undefined && { limitMs: options.limitMs }),
  });
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
