import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { monotonic } from '../../core/clock.ts';
import { openTcpProxy, type TcpProxy } from './tcp-proxy.ts';

let echo: Server;
let received: Buffer[];
let ended: number;
let proxy: TcpProxy;
const clients: Socket[] = [];

beforeEach(async () => {
  received = [];
  ended = 0;
  echo = createServer((socket) => {
    socket.on('data', (chunk) => {
      received.push(chunk);
      socket.write(chunk);
    });
    socket.on('error', () => undefined);
    socket.on('end', () => ended++);
  });
  await new Promise<void>((resolve) => void echo.listen(0, '127.0.0.1', resolve));
  proxy = await openTcpProxy({ port: (echo.address() as AddressInfo).port });
});
afterEach(async () => {
  for (const client of clients.splice(0)) client.destroy();
  await proxy.close();
  await new Promise((resolve) => void echo.close(resolve));
});

async function dial(): Promise<{ socket: Socket; answers: () => string; broken: Promise<string> }> {
  const socket = connect(proxy.port, proxy.host);
  clients.push(socket);
  const chunks: Buffer[] = [];
  socket.on('data', (chunk) => chunks.push(chunk));
  const broken = new Promise<string>((resolve) => {
    socket.on('error', (error) => resolve((error as NodeJS.ErrnoException).code ?? error.message));
    socket.on('end', () => resolve('end'));
  });
  await new Promise<void>((resolve, reject) => {
    socket.once('connect', resolve);
    socket.once('error', reject);
  });
  return { socket, answers: () => Buffer.concat(chunks).toString(), broken };
}
const receivedText = (): string => Buffer.concat(received).toString();

describe('the TCP proxy', () => {
  it('passes both ways and counts', async () => {
    const { socket, answers } = await dial();
    socket.write('hello');
    await expect.poll(answers).toBe('hello');
    expect(proxy.bytes).toEqual({ up: 5, down: 5, lost: 0 });
    expect([proxy.open, proxy.accepted]).toEqual([1, 1]);
    socket.end();
    await expect.poll(() => ended).toBe(1);
    await expect.poll(() => proxy.open).toBe(0);
  });

  it('cuts with a reset and accepts again', async () => {
    const { broken } = await dial();
    proxy.cut();
    expect(await broken).toBe('ECONNRESET');
    const { socket, answers } = await dial();
    socket.write('again');
    await expect.poll(answers).toBe('again');
  });

  it('refuses until healed, on the same port', async () => {
    await proxy.refuse();
    await expect(dial()).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    await proxy.heal();
    const { socket, answers } = await dial();
    socket.write('back');
    await expect.poll(answers).toBe('back');
  });

  it('delays in order', async () => {
    proxy.delay(40);
    const { socket, answers } = await dial();
    const startedAt = monotonic();
    socket.write('one ');
    socket.write('two ');
    socket.write('three');
    await expect.poll(answers).toBe('one two three');
    // There and back.
    expect(monotonic() - startedAt).toBeGreaterThanOrEqual(79);
  });

  it('swallows everything while blackholed, and keeps the connection', async () => {
    const { socket, answers } = await dial();
    proxy.blackhole();
    socket.write('lost');
    await expect.poll(() => proxy.bytes.lost).toBe(4);
    await proxy.heal();
    await expect
      .poll(() => {
        socket.write('.');
        return answers();
      })
      .toMatch(/^\.+$/);
    expect(receivedText()).not.toContain('lost');
    expect(proxy.open).toBe(1);
  });

  it('half-open: the server hears the client, the client never hears back', async () => {
    const { socket, answers } = await dial();
    proxy.halfOpen('down');
    socket.write('heard');
    await expect.poll(receivedText).toBe('heard');
    expect(answers()).toBe('');
    await proxy.heal();
    socket.write('!');
    await expect.poll(answers).toBe('!');
  });

  it('throttles', async () => {
    proxy.throttle(100_000);
    const { socket, answers } = await dial();
    const startedAt = monotonic();
    socket.write('x'.repeat(20_000));
    await expect.poll(() => answers().length, { timeout: 5000 }).toBe(20_000);
    expect(monotonic() - startedAt).toBeGreaterThanOrEqual(200);
  });

  it('cuts in the middle of a message', async () => {
    proxy.cutAfter(3);
    const { socket, broken } = await dial();
    socket.write('abcdef');
    expect(await broken).toBe('ECONNRESET');
    await expect.poll(receivedText).toBe('abc');
    await expect.poll(() => ended).toBe(1);
  });
});
