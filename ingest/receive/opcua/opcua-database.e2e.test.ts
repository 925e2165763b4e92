import { DataType } from 'node-opcua';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { createTestDatabase } from '../../../core/testing/database.ts';
import { waitUntil } from '../../../core/testing/wait-until.ts';
import { openTcpProxy } from '../../../simulators/faults/tcp-proxy.ts';
import { runIngest } from '../../testing/run-ingest.ts';
import { createTestPlant } from '../../testing/test-plant.ts';
import { type OpcuaStage, openOpcuaStage } from '../testing/opcua-stage.ts';

// The whole road of an outage: ingest as a process of its own, and what stands in the tables before, in and after it.
let stage: OpcuaStage;
beforeAll(async () => {
  stage = await openOpcuaStage();
});
afterEach(() => stage.closeAll());
afterAll(() => stage.remove());

test('in an outage the latest values are stale, after it good again, and the rows and the books are whole', async () => {
  const server = await stage.serve({
    variables: [
      { name: 't-1', dataType: DataType.Double, value: 1 },
      { name: 't-2', dataType: DataType.Double, value: 2 },
      { name: 'order', dataType: DataType.String, value: 'P-1' },
    ],
  });
  const proxy = await openTcpProxy({ port: server.port });
  stage.onClose(() => proxy.close());
  const database = await createTestDatabase();
  await createTestPlant(database);
  await database.execute('update signal set expected_interval_seconds = 0.1');
  await database.execute(
    `update signal_source set protocol = 'opcua', address = $1 || name
       from signal where signal.signal_id = signal_source.signal_id`,
    [server.addressOf('')],
  );
  const ingest = await runIngest({
    DATABASE_URL: database.url,
    OPCUA_URLS: `opc.tcp://127.0.0.1:${proxy.port}`,
    OPCUA_PUBLISHING_MS: '50',
    DATA_DIR: `${stage.directory}/ingest`,
  });
  stage.onClose(() => ingest.stop('SIGTERM'));
  const latest = async () => {
    const rows = await database.query<{ name: string; quality: number }>(
      `select name, quality from latest_value join signal using (signal_id)
        where name in ('t-1', 't-2', 'order') order by name`,
    );
    return rows.map(({ name, quality }) => `${name} ${quality}`).join();
  };
  const are = async (what: string, wanted: string) =>
    waitUntil(what, async () => (await latest()) === wanted, { limitMs: 40_000 });

  await are('all are good', 'order 192,t-1 192,t-2 192');
  await proxy.refuse();
  await are('all are stale', 'order 500,t-1 500,t-2 500');
  for (const value of [10, 11, 12]) {
    const setAt = performance.now();
    server.set('t-1', value);
    await waitUntil('the server has sampled it', () => performance.now() - setAt > 120);
  }
  await proxy.heal();
  await are('all are good again', 'order 192,t-1 192,t-2 192');
  const rows = await database.query<{ name: string; said: string }>(
    `select name, string_agg(coalesce(text, value::text, 'none') || '/' || quality, ' ' order by time) as said
       from reading join signal using (signal_id) left join text_value t on kind = 'order' and t.text_value_id = value
      group by name order by name`,
  );
  expect(rows).toEqual([
    { name: 'order', said: 'P-1/192 none/500 P-1/192' },
    { name: 't-1', said: '1/192 none/500 10/192 11/192 12/192' },
    { name: 't-2', said: '2/192 none/500 2/192' },
  ]);
  const [books] = await database.query<Record<string, number>>(
    `select sum(received - stored - duplicate - rejected - parked)::int as open, sum(stored)::int as stored,
            sum(rejected)::int as rejected, sum(conflict)::int as conflict, sum(lost_upstream)::int as lost from ledger`,
  );
  expect(books).toEqual({ open: 0, stored: 11, rejected: 0, conflict: 0, lost: 0 });
});
