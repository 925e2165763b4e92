import { createServer, type Server } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openDatabase } from './database.ts';
import { silentLog } from './log.ts';
import { waitUntil } from './testing/wait-until.ts';

// A server that greets a client and hangs up in the same packet, as one does that is shut down at that moment. Under load
// this ended the process, because for an instant nobody listened to the connection's errors.
let server: Server;
let url = '';
let greeted = 0;

beforeAll(async () => {
  const message = (type: string, body: Buffer): Buffer => {
    const head = Buffer.alloc(5);
    head.write(type, 0);
    head.writeInt32BE(body.length + 4, 1);
    return Buffer.concat([head, body]);
  };
  const greeting = Buffer.concat([
    message('R', Buffer.alloc(4)),
    message('Z', Buffer.from('I')),
    message('E', Buffer.from('SFATAL\0VFATAL\0C57P01\0Mterminating connection due to administrator command\0\0')),
  ]);
  server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.once('data', () => {
      greeted++;
      socket.end(greeting);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `postgres://nobody@127.0.0.1:${(server.address() as { port: number }).port}/none`;
});
afterAll(() => new Promise<void>((resolve) => server.close(() => resolve())));

test('a connection that is lost before anybody listens to it fails the query, not the process', async () => {
  const database = openDatabase({ url, name: 'millrace test', log: silentLog });
  await expect(database.withConnection((connection) => connection.query('select 1'))).rejects.toThrow(/connection/i);
  await expect(database.withTransaction((connection) => connection.query('select 1'))).rejects.toThrow(/connection/i);
  await database.close();
});

test('the same while listening: it is tried again', async () => {
  const database = openDatabase({ url, name: 'millrace test', log: silentLog });
  const stop = new AbortController();
  const before = greeted;
  const listening = database.listen('channel', () => undefined, stop.signal);
  await waitUntil('it has tried three times', () => greeted - before >= 3);
  stop.abort();
  await expect(listening).resolves.toBeUndefined();
  await database.close();
});
