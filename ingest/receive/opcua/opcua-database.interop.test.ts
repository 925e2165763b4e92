import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { createTestDatabase } from '../../../core/testing/database.ts';
import { open62541Program } from '../../../core/testing/opcua-peers.ts';
import { waitUntil } from '../../../core/testing/wait-until.ts';
import { runIngest } from '../../testing/run-ingest.ts';
import { createTestPlant } from '../../testing/test-plant.ts';
import { freePort } from '../testing/opcua-server.ts';
import { startPeer } from '../testing/peer-process.ts';

// The whole road: a server that is not node-opcua's, ingest as a process of its own, tables.
let closers: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closers.reverse()) await close();
  closers = [];
});

test('open62541: what the server says stands in the database to the last digit', async ({ skip }) => {
  const program = open62541Program();
  skip(program === undefined, 'OPEN62541_TEST_SERVER names no open62541 server');
  const directory = await mkdtemp(join(tmpdir(), 'millrace-opcua-database-'));
  closers.push(() => rm(directory, { recursive: true, force: true }));
  const port = await freePort();
  const file = join(directory, 'variables.txt');
  await writeFile(file, 't-1;double;0\nt-2;float;0\norder;string;P-0\n');
  const peer = await startPeer(program ?? '', [String(port), file]);
  closers.push(() => peer.close());
  const database = await createTestDatabase();
  await createTestPlant(database);
  await database.execute('update signal set expected_interval_seconds = 0.04');
  await database.execute(
    `update signal_source set protocol = 'opcua', address = 'nsu=urn:peer:plant;s=' || name
       from signal where signal.signal_id = signal_source.signal_id`,
  );
  const ingest = await runIngest({
    DATABASE_URL: database.url,
    OPCUA_URLS: `opc.tcp://127.0.0.1:${port}`,
    OPCUA_PUBLISHING_MS: '20',
    DATA_DIR: join(directory, 'data'),
  });
  closers.push(() => ingest.stop('SIGTERM'));
  const stored = (name: string) =>
    database.query<{ time: string; value: number | null; text: string | null; quality: number }>(
      `select time::text, case when t.text is null then value end as value, text, quality
         from reading join signal using (signal_id) left join text_value t on kind = 'order' and t.text_value_id = value
        where name = $1 and time < '2026-02-01' order by time`,
      [name],
    );
  await waitUntil(
    'the first values are stored',
    async () => (await database.query('select from reading')).length >= 3,
    {
      limitMs: 30_000,
    },
  );
  const orders: [string, string, string, string][] = [
    ['t-1', '0.1', '2026-01-05T12:00:00.1234567Z', '00000000'],
    ['t-1', '-1.7976931348623157e308', '2026-01-05T12:00:01.0000019Z', '00000000'],
    ['t-1', '22.25', '2026-01-05T12:00:02.9999999Z', '40900000'],
    ['t-1', '99', '2026-01-05T12:00:03Z', '808C0000'],
    ['t-2', '21.37', '2026-01-05T12:00:00.5Z', '00000000'],
    ['order', 'P-4711/ä', '2026-01-05T12:00:00.5Z', '00000000'],
  ];
  const seen = new Map<string, number>();
  for (const [name, value, time, status] of orders) {
    await peer.ask(`set ${name} ${value} ${time} ${status}`);
    const count = (seen.get(name) ?? 0) + 1;
    seen.set(name, count);
    await waitUntil('it is stored', async () => (await stored(name)).length === count);
  }
  expect(await stored('t-1')).toEqual([
    { time: '2026-01-05 12:00:00.123456+00', value: 0.1, text: null, quality: 192 },
    { time: '2026-01-05 12:00:01.000001+00', value: -Number.MAX_VALUE, text: null, quality: 192 },
    { time: '2026-01-05 12:00:02.999999+00', value: 22.25, text: null, quality: 64 },
    { time: '2026-01-05 12:00:03+00', value: null, text: null, quality: 0 },
  ]);
  expect(await stored('t-2')).toMatchObject([{ value: Math.fround(21.37) }]);
  expect(await stored('order')).toMatchObject([{ time: '2026-01-05 12:00:00.5+00', text: 'P-4711/ä' }]);
});
