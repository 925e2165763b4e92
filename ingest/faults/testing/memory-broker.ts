import { createServer, type AddressInfo } from 'node:net';
import { Aedes } from 'aedes';
import { createQueues } from '../../../core/embedded/broker-queues.ts';
import { readSettings } from '../../../core/settings.ts';

export interface MemoryBroker {
  url: string;
  port: number;
  /** Messages that a session has not acknowledged yet: they would come again after a kill. */
  readonly unacknowledged: number;
  close(): Promise<void>;
}

/**
 * aedes in the test's own process: it survives every fault of the others, and acknowledges what it has queued, as a
 * broker of the plant does. Its queues are those of the embedded broker, because aedes' own lose a message whose id is
 * used again while it is under way: 50 of 5,000 were gone after ingest had hung up on a slow disk.
 */
export async function startMemoryBroker(): Promise<MemoryBroker> {
  const broker = await Aedes.createBroker({ concurrency: 1000, queueLimit: 10_000 });
  let unacknowledged = 0;
  const queues = createQueues(readSettings({}).MQTT_CLIENT_ID, {
    queued: (_counter, clientIds) => {
      unacknowledged += clientIds.length;
    },
    acknowledged: () => {
      unacknowledged--;
    },
  });
  Object.assign((broker as unknown as { persistence: object }).persistence, queues);
  broker.on('clientDisconnect', ({ id }) => queues.disconnected(id));
  const server = createServer(broker.handle);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `mqtt://127.0.0.1:${port}`,
    port,
    get unacknowledged() {
      return unacknowledged;
    },
    async close() {
      await new Promise<void>((resolve) => broker.close(() => resolve()));
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}
