import { createServer, type AddressInfo } from 'node:net';
import { Aedes } from 'aedes';

/** aedes in the test's own process: it survives every fault of the others. */
export async function startMemoryBroker(): Promise<{ url: string; port: number; close(): Promise<void> }> {
  const broker = await Aedes.createBroker({ concurrency: 1000, queueLimit: 10_000 });
  const server = createServer(broker.handle);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `mqtt://127.0.0.1:${port}`,
    port,
    async close() {
      await new Promise<void>((resolve) => broker.close(() => resolve()));
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}
