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
