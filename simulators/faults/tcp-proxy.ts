import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { monotonic, pause } from '../../core/clock.ts';

/** What can be done to the connections of a proxy; each holds until `heal`, for connections of now and of later. */
export interface TcpProxy {
  readonly host: string;
  readonly port: number;
  /** Connections open at this moment, and all ever accepted. */
  readonly open: number;
  readonly accepted: number;
  /** Bytes passed on so far, from the client to the server (`up`) and back (`down`), and those swallowed. */
  readonly bytes: { readonly up: number; readonly down: number; readonly lost: number };
  /** Resets every open connection at once (RST), as a crashed peer does. New ones are accepted again. */
  cut(): void;
  /** Refuses: closes the listening port and cuts. `heal` listens again on the same port. */
  refuse(): Promise<void>;
  /** Passes everything on `ms` later, in order. */
  delay(ms: number): void;
  /** Takes everything and passes nothing on, in both directions; connections stay open and silent. */
  blackhole(): void;
  /** Silent in one direction only: `up` loses what the client says, `down` what the server answers. */
  halfOpen(lost: 'up' | 'down'): void;
  /** Passes at most so many bytes a second in each direction of each connection; the rest waits (backpressure). */
  throttle(bytesPerSecond: number): void;
  /**
   * Lets each connection pass so many bytes more from the client to the server, then resets the client and ends the
   * server's side: the server reads the first part of a packet and then the end.
   */
  cutAfter(bytes: number): void;
  /** Ends all faults. What a blackhole has swallowed stays lost, so cut as well to give clients a fresh start. */
  heal(): Promise<void>;
  close(): Promise<void>;
}

interface Fault {
  delayMs: number;
  lost: ReadonlySet<'up' | 'down'>;
  bytesPerSecond: number;
  cutAfter: { bytes: number } | undefined;
}
const healthy: Fault = { delayMs: 0, lost: new Set(), bytesPerSecond: Infinity, cutAfter: undefined };

/**
 * A TCP proxy on a free loopback port (or `port`) in front of `target`, whose faults are switched while it runs. Put it
 * before a database, a broker or an OPC UA server to see what a bad network does.
 */
export async function openTcpProxy(target: { host?: string; port: number }, port = 0): Promise<TcpProxy> {
  const host = '127.0.0.1';
  const pairs = new Set<{ client: Socket; server: Socket }>();
  const sockets = new Set<Socket>();
  const bytes = { up: 0, down: 0, lost: 0 };
  let fault = healthy;
  let accepted = 0;

  const listener = createServer({ allowHalfOpen: true, noDelay: true }, (client) => {
    accepted++;
    const server = connect({ host: target.host ?? host, port: target.port, allowHalfOpen: true, noDelay: true });
    const pair = { client, server };
    pairs.add(pair);
    const reset = (): void => {
      pairs.delete(pair);
      resetSocket(client);
      resetSocket(server);
    };
    let seen = fault.cutAfter;
    let left = seen?.bytes ?? Infinity;
    pipe(client, server, 'up', (chunk) => {
      if (fault.cutAfter !== seen) {
        seen = fault.cutAfter;
        left = seen?.bytes ?? Infinity;
      }
      const allowed = chunk.subarray(0, Math.min(left, chunk.length));
      left -= chunk.length;
      if (left > 0) return allowed;
      server.end(allowed);
      resetSocket(client);
      return undefined;
    });
    pipe(server, client, 'down', (chunk) => chunk);
    for (const socket of [client, server]) {
      sockets.add(socket);
      socket.on('error', reset);
      socket.on('close', () => {
        sockets.delete(socket);
        // One side is gone altogether: the other must see it too, but only after what is still on its way.
        if (client.destroyed && server.destroyed) pairs.delete(pair);
        const other = socket === client ? server : client;
        if (!other.writableEnded && fault.lost.size === 0) other.end();
      });
    }
  });

  /** Moves bytes one way under the fault of the moment. Reads no further while the receiver or the fault holds it up. */
  function pipe(from: Socket, to: Socket, way: 'up' | 'down', limit: (chunk: Buffer) => Buffer | undefined): void {
    let freeAt = 0;
    let waiting: Promise<void> = Promise.resolve();
    from.on('data', (chunk: Buffer) => {
      if (fault.lost.has(way)) {
        bytes.lost += chunk.length;
        return;
      }
      const held = fault.delayMs > 0 || fault.bytesPerSecond !== Infinity;
      if (!held && freeAt === 0) {
        pass(chunk);
        return;
      }
      const atMs = monotonic();
      freeAt = Math.max(freeAt, atMs) + (chunk.length / fault.bytesPerSecond) * 1000;
      const dueMs = freeAt + fault.delayMs;
      // Only a throttle stops reading: a slow link has no room, while a long one does.
      if (fault.bytesPerSecond !== Infinity) from.pause();
      waiting = waiting.then(async () => {
        await pause(Math.max(0, dueMs - monotonic()));
        pass(chunk);
        from.resume();
        if (monotonic() >= freeAt && !(fault.delayMs > 0 || fault.bytesPerSecond !== Infinity)) freeAt = 0;
      });
    });
    from.on('end', () => {
      if (!fault.lost.has(way)) void waiting.then(() => to.end());
    });
    function pass(chunk: Buffer): void {
      if (to.destroyed || to.writableEnded || fault.lost.has(way)) return;
      const allowed = limit(chunk);
      if (allowed === undefined) return;
      bytes[way] += allowed.length;
      if (!to.write(allowed)) {
        from.pause();
        to.once('drain', () => from.resume());
      }
    }
  }

  function cut(): void {
    for (const { client, server } of pairs) {
      resetSocket(client);
      resetSocket(server);
    }
    pairs.clear();
  }
  const listen = (onPort: number): Promise<void> =>
    new Promise((resolve, reject) => {
      listener.once('error', reject);
      listener.listen(onPort, host, () => {
        listener.off('error', reject);
        resolve();
      });
    });
  const stopListening = (): Promise<void> => new Promise((resolve) => void listener.close(() => resolve()));

  await listen(port);
  const { port: boundPort } = listener.address() as AddressInfo;
  return {
    host,
    port: boundPort,
    get open() {
      return pairs.size;
    },
    get accepted() {
      return accepted;
    },
    bytes,
    cut,
    async refuse() {
      const stopped = listener.listening ? stopListening() : Promise.resolve();
      cut();
      await stopped;
    },
    delay: (ms) => void (fault = { ...fault, delayMs: ms }),
    blackhole: () => void (fault = { ...fault, lost: new Set(['up', 'down'] as const) }),
    halfOpen: (lost) => void (fault = { ...fault, lost: new Set([lost]) }),
    throttle: (bytesPerSecond) => void (fault = { ...fault, bytesPerSecond }),
    cutAfter: (count) => void (fault = { ...fault, cutAfter: { bytes: count } }),
    async heal() {
      fault = healthy;
      if (!listener.listening) await listen(boundPort);
    },
    async close() {
      const stopped = listener.listening ? stopListening() : Promise.resolve();
      // Not by a reset, see below.
      for (const socket of sockets) socket.destroy();
      pairs.clear();
      await stopped;
    },
  };
}

/** Node 24 leaks the handle of a socket that is reset while its end is on its way: that one is only closed. */
function resetSocket(socket: Socket): void {
  if (socket.writableEnded) socket.destroy();
  else socket.resetAndDestroy();
}
