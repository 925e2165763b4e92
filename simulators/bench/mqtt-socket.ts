import { connect, type Socket } from 'node:net';
import { connectPacket } from './frames.ts';

/** A raw MQTT connection that only publishes: bytes out, acknowledgements counted. */
export interface MqttSocket {
  /** Writes whole packets; resolves when the kernel has taken them. */
  write(bytes: Buffer): Promise<void>;
  /** PUBACKs received so far. */
  readonly acknowledged: number;
  close(): Promise<void>;
}

/** Connects and waits for CONNACK. Throws when the broker refuses. */
export async function openMqttSocket(
  url: string,
  clientId: string,
  will?: { topic: string; payload: Buffer },
): Promise<MqttSocket> {
  const { hostname, port } = new URL(url);
  const socket = connect({ host: hostname, port: Number(port === '' ? 1883 : port), noDelay: true });
  await new Promise<void>((resolve, reject) => {
    socket.once('connect', resolve);
    socket.once('error', reject);
  });
  const connected = readConnack(socket);
  socket.write(connectPacket(clientId, will));
  let bytes = -(await connected);
  let failure: Error | undefined;
  socket.on('data', (chunk: Buffer) => {
    // After CONNACK a publisher without subscriptions gets PUBACKs only, of four bytes each.
    bytes += chunk.length;
  });
  socket.on('error', (error) => {
    failure = error;
  });
  socket.on('close', () => {
    failure ??= new Error(`The broker closed the connection of ${clientId}.`);
  });
  return {
    write: (packets) =>
      new Promise((resolve, reject) => {
        if (failure !== undefined) reject(failure);
        else socket.write(packets, (error) => (error == null ? resolve() : reject(error)));
      }),
    get acknowledged() {
      return Math.floor(bytes / 4);
    },
    async close() {
      socket.end(Buffer.from([0xe0, 0x00]));
      await new Promise<void>((resolve) => {
        if (socket.destroyed) resolve();
        else socket.once('close', () => resolve());
      });
    },
  };
}

/** Waits for CONNACK; answers how many bytes besides it came with it (none, as a rule). */
function readConnack(socket: Socket): Promise<number> {
  return new Promise((resolve, reject) => {
    socket.once('data', (chunk: Buffer) => {
      if (chunk[0] === 0x20 && chunk[3] === 0) resolve(4 - chunk.length);
      else reject(new Error(`The broker refused the connection (code ${chunk[3]}).`));
    });
    socket.once('close', () => reject(new Error('The broker closed the connection before CONNACK.')));
  });
}
