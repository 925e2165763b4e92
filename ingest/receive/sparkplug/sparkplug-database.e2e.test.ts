import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connectAsync } from 'mqtt';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { now } from '../../../core/clock.ts';
import { Datatype } from '../../../core/sparkplug/datatype.ts';
import { encodePayload, type MetricToWrite } from '../../../core/sparkplug/encode-payload.ts';
import { createTestDatabase, type TestDatabase } from '../../../core/testing/database.ts';
import { waitUntil } from '../../../core/testing/wait-until.ts';
import { runIngest, type RunningIngest } from '../../testing/run-ingest.ts';
import { createTestPlant } from '../../testing/test-plant.ts';
import { openEdgeNode, type TestEdgeNode } from '../testing/edge-node.ts';
import { startBroker, type TestBroker } from '../testing/mqtt-broker.ts';

// The whole road: edge node, broker, ingest as a process of its own, tables.
let database: TestDatabase;
let broker: TestBroker;
let ingest: RunningIngest;
let node: TestEdgeNode;
let dataDir: string;
const start = now();

beforeAll(async () => {
  database = await createTestDatabase();
  await createTestPlant(database);
  await database.execute(
    "update signal_source set protocol = 'sparkplug', address = replace(address, 'millrace/berlin/', 'millrace-berlin/')",
  );
  broker = await startBroker();
  dataDir = await mkdtemp(join(tmpdir(), 'millrace-sparkplug-'));
  ingest = await runIngest({
    DATABASE_URL: database.url,
    MQTT_URL: broker.url,
    DATA_DIR: dataDir,
    SPARKPLUG_REORDER_MS: '300',
  });
  node = await openEdgeNode({
    url: broker.url,
    group: 'millrace-berlin',
    edge: 'line-01',
    device: 'm-001',
    bdSeq: 1,
    clock: now,
    deviceBirth: () => [
      temperature(20, start),
      { name: 'order', alias: 2, timestamp_ms: start, datatype: Datatype.String, value: 'P-100' },
      { name: 'unheard-of', alias: 3, timestamp_ms: start, datatype: Datatype.Int16, value: 7 },
    ],
  });
});
afterAll(async () => {
  await node.close();
  await ingest.stop('SIGTERM');
  await broker.close();
  await rm(dataDir, { recursive: true, force: true });
});

const temperature = (value: number, timestamp_ms: number, more: Partial<MetricToWrite> = {}): MetricToWrite => ({
  name: 't-1',
  alias: 1,
  timestamp_ms,
  datatype: Datatype.Float,
  value,
  ...more,
});
const us = '(extract(epoch from time) * 1e6)::int8 as time_us';

test('values, times and qualities of an edge node stand in the database; the past does not become the present', async () => {
  await waitUntil(
    'the host is listening',
    () => broker.published.some(({ topic }) => topic === 'spBv1.0/STATE/millrace'),
    {
      limitMs: 30_000,
    },
  );
  await node.bear();
  await node.sendData([temperature(21.37, start + 1000), temperature(19.5, start - 60_000, { is_historical: true })]);
  await node.sendData([
    temperature(22.25, start + 2000, { quality: 0 }),
    temperature(99, start + 3000, { is_transient: true }),
  ]);
  await node.killDevice(start + 4000);
  const rows = await waitUntil('five readings are stored', async () => {
    const found = await database.query<{ time_us: number; value: number | null; quality: number }>(
      `select ${us}, value, quality from reading join signal using (signal_id) where name = 't-1' order by time`,
    );
    return found.length === 5 && found;
  });
  expect(rows).toEqual([
    { time_us: (start - 60_000) * 1000, value: 19.5, quality: 192 },
    { time_us: start * 1000, value: 20, quality: 192 },
    { time_us: (start + 1000) * 1000, value: Math.fround(21.37), quality: 192 },
    { time_us: (start + 2000) * 1000, value: 22.25, quality: 0 },
    { time_us: (start + 4000) * 1000 + 1, value: null, quality: 500 },
  ]);
  const [latest] = await database.query(
    `select ${us}, value, quality from latest_value join signal using (signal_id) where name = 't-1'`,
  );
  expect(latest).toEqual({ time_us: (start + 4000) * 1000 + 1, value: null, quality: 500 });
  const orders = await database.query(
    `select text from reading r join signal using (signal_id) join text_value t on t.text_value_id = r.value where name = 'order'`,
  );
  expect(orders).toEqual([{ text: 'P-100' }]);
  const discovered = await database.query('select protocol, address, readings from discovered_address');
  expect(discovered).toEqual([
    { protocol: 'sparkplug', address: 'millrace-berlin/line-01/m-001/unheard-of', readings: 1 },
  ]);
});

test('the books of the edge node balance, and say what was lost on the way', async () => {
  await node.bear();
  await node.sendData([temperature(23, start + 5000)], 7);
  const books = await waitUntil('the loss is in the books', async () => {
    const [row] = await database.query<Record<string, number>>(
      `select sum(received)::int8 as received, sum(lost_upstream)::int8 as lost,
              sum(stored + duplicate + rejected + parked + dropped)::int8 as ended
         from ledger join source using (source_id) where name = 'millrace-berlin/line-01'`,
    );
    return Number(row?.['lost']) >= 5 && row;
  });
  expect(books['ended']).toBe(books['received']);
  expect(books['lost']).toBe(5);
});

test('data of before a birth are stored by a replay once their address is mapped, and what has no name stays', async () => {
  const client = await connectAsync(broker.url, { clientId: 'edge-without-birth' });
  const time = { timestamp_ms: start + 9000 };
  const metrics = [
    { name: 'pressure', datatype: Datatype.Double, value: 7.25, ...time },
    { name: 'product', datatype: Datatype.String, value: 'P-200', ...time },
    { alias: 5, datatype: Datatype.Double, value: 1, ...time },
  ];
  const payload = encodePayload({ seq: 3, metrics, with_datatypes: false });
  await client.publishAsync('spBv1.0/millrace-berlin/DDATA/line-02/m-009', payload);
  await client.endAsync();
  const rejected = 'from rejected_reading join source using (source_id) where name = $1 order by rejected_reading_id';
  await waitUntil('they are rejected', async () => {
    const rows = await database.query(`select 1 ${rejected}`, ['millrace-berlin/line-02']);
    return rows.length === 3;
  });
  await database.execute(
    `insert into signal_source (organization_id, signal_id, protocol, address)
     select organization_id, signal_id, 'sparkplug', 'millrace-berlin/line-02/m-009/' || case name when 't-2' then 'pressure' else 'product' end
       from signal where name in ('t-2', 'order')`,
  );
  // The plant is read anew within a second; until then the answer is that the address is mapped to nothing.
  const stored = await waitUntil(
    'they are stored',
    async () => {
      await database.execute(
        `update rejected_reading set replay_requested_at = now() where resolved_at is null
            and source_id = (select source_id from source where name = $1)`,
        ['millrace-berlin/line-02'],
      );
      await database.query("select pg_notify('rejected_replay', '')");
      const rows = await database.query<Record<string, unknown>>(
        `select signal.name, case when signal.name = 'order' then text else value::text end as value, quality, ${us}
           from reading join signal using (signal_id) left join text_value on text_value_id = value
          where value = 7.25 or text = 'P-200' order by 1`,
      );
      return rows.length === 2 && rows;
    },
    { limitMs: 30_000, everyMs: 200 },
  );
  expect(stored).toEqual([
    { name: 'order', value: 'P-200', quality: 192, time_us: (start + 9000) * 1000 },
    { name: 't-2', value: '7.25', quality: 192, time_us: (start + 9000) * 1000 },
  ]);
  const rows = await database.query(`select reason, resolved_at is null as waits ${rejected}`, [
    'millrace-berlin/line-02',
  ]);
  expect(rows.filter(({ waits }) => waits === true)).toEqual([{ reason: 'before_birth', waits: true }]);
  const [books] = await database.query(
    `select sum(received)::int as received, sum(stored)::int as stored, sum(rejected)::int as rejected
       from ledger join source using (source_id) where name = 'millrace-berlin/line-02'`,
  );
  expect(books).toEqual({ received: 3, stored: 2, rejected: 1 });
});
