import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Aedes } from 'aedes';
import mqtt, { type MqttClient } from 'mqtt';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { now as clock } from '../core/clock.ts';
import { createTestDatabase, type TestDatabase } from '../core/testing/database.ts';
import { waitUntil } from '../core/testing/wait-until.ts';
import { runIngest, type RunningIngest } from './testing/run-ingest.ts';
import { addTestSignal, createTestPlant, type TestSignal } from './testing/test-plant.ts';

// The whole road with the embedded kind of broker (aedes, MQTT 3.1.1): what is published stands in the tables.
let database: TestDatabase;
let signals: Map<string, TestSignal>;
let broker: Aedes;
let server: Server;
let ingest: RunningIngest;
let client: MqttClient;
let dataDir: string;

beforeAll(async () => {
  database = await createTestDatabase();
  signals = await createTestPlant(database);
  broker = await Aedes.createBroker();
  server = createServer(broker.handle);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  dataDir = mkdtempSync(join(tmpdir(), 'millrace-ingest-'));
  ingest = await runIngest({ DATABASE_URL: database.url, MQTT_URL: `mqtt://127.0.0.1:${port}`, DATA_DIR: dataDir });
  client = await mqtt.connectAsync(`mqtt://127.0.0.1:${port}`);
  await waitUntil(
    'ingest is subscribed',
    async () => {
      const [row] = await database.query(
        "select 1 from source where protocol = 'mqtt' and name = 'millrace' and connected",
      );
      return row !== undefined;
    },
    { limitMs: 30_000 },
  );
});

afterAll(async () => {
  await client.endAsync(true);
  await ingest.stop('SIGKILL');
  await new Promise<void>((resolve) => broker.close(() => resolve()));
  await new Promise<void>((resolve) => server.close(() => resolve()));
  rmSync(dataDir, { recursive: true, force: true });
});

const topic = (name: string): string => signals.get(name)?.address ?? `millrace/berlin/line-01/m-001/${name}`;
const publish = (to: string, payload: unknown): Promise<unknown> =>
  client.publishAsync(to, typeof payload === 'string' || Buffer.isBuffer(payload) ? payload : JSON.stringify(payload), {
    qos: 1,
  });

async function readings(name: string): Promise<{ time: string; value: number | null; quality: number }[]> {
  return database.query('select time::text, value, quality from reading where signal_id = $1 order by time', [
    signals.get(name)?.signal_id,
  ]);
}

/** received = stored + duplicate + rejected + parked + dropped, over all sources, with nothing left in the journal. */
async function books(): Promise<{ received: number; ended: number }> {
  const [row] = await database.query<{ received: number; ended: number }>(
    'select sum(received)::int8 as received, sum(stored + duplicate + rejected + parked + dropped)::int8 as ended from ledger',
  );
  return row ?? { received: 0, ended: 0 };
}

test('readings of every form arrive with the value, the time and the quality that were sent', async () => {
  const now = clock();
  await publish(topic('t-1'), { ts: now, value: 0.1 + 0.2 });
  await publish(topic('t-1'), [
    { ts: '2026-03-01T08:15:30.123456Z', value: -1.7976931348623157e308, quality: 'uncertain' },
    { ts: '2026-03-01T09:15:30.123457+01:00', value: 5e-324 },
    { ts: now + 1, value: null, quality: 'bad' },
  ]);
  await publish('millrace/berlin/line-01/m-001', {
    ts: now,
    values: { 't-2': 21.5, good: 1781, state: 'Execute', fault: 0, order: 'PN-4711' },
  });
  await waitUntil(
    'all are stored',
    async () => (await readings('t-1')).length === 4 && (await readings('order')).length === 1,
  );
  expect(await readings('t-1')).toEqual([
    { time: '2026-03-01 08:15:30.123456+00', value: -1.7976931348623157e308, quality: 64 },
    { time: '2026-03-01 08:15:30.123457+00', value: 5e-324, quality: 192 },
    { time: expect.any(String), value: 0.1 + 0.2, quality: 192 },
    { time: expect.any(String), value: null, quality: 0 },
  ]);
  expect((await readings('state'))[0]?.value).toBe(6);
  const [order] = await database.query(
    'select text from text_value join reading on value = text_value_id where signal_id = $1',
    [signals.get('order')?.signal_id],
  );
  expect(order).toEqual({ text: 'PN-4711' });
  const [latest] = await database.query('select value from latest_value where signal_id = $1', [
    signals.get('t-2')?.signal_id,
  ]);
  expect(latest).toEqual({ value: 21.5 });
});

test('what cannot be stored is kept with its reason, and an unknown address is parked and back-filled once it is mapped', async () => {
  const now = clock();
  await publish(topic('t-2'), '{"ts": 1, "value": ');
  await publish(topic('t-2'), { ts: now, value: 'warm' });
  await publish(topic('t-2'), { ts: now + 48 * 3_600_000, value: 1 });
  await publish(topic('t-2'), Buffer.from([0xff, 0xfe, 0x00]));
  await publish('millrace/berlin/line-01', { ts: now, value: 1 });
  await publish(topic('t-2'), { ts: now, value: 7 });
  await publish(topic('t-2'), { ts: now, value: 8 });
  for (let index = 0; index < 10; index++) await publish(topic('unknown-1'), { ts: now + index, value: index / 8 });
  await waitUntil('the unknown address is listed', async () => {
    const [row] = await database.query<{ readings: number }>('select readings from discovered_address');
    return row?.readings === 10;
  });
  const reasons = await database.query<{ reason: string }>(
    'select reason from rejected_reading order by rejected_reading_id',
  );
  expect(reasons.map(({ reason }) => reason)).toEqual([
    'malformed_payload',
    'not_a_number',
    'far_future',
    'malformed_payload',
    'wrong_topic',
    'conflict',
  ]);
  const [ids] = await database.query<{ organization_id: number; machine_id: number }>(
    'select organization_id, machine_id from machine',
  );
  const mapped = await addTestSignal(database, ids as { organization_id: number; machine_id: number }, 'unknown-1');
  signals.set('unknown-1', mapped);
  await waitUntil('the parked readings are stored', async () => (await readings('unknown-1')).length === 10);
  expect((await readings('unknown-1')).map(({ value }) => value)).toEqual(
    [0, 1, 2, 3, 4, 5, 6, 7, 8, 9].map((index) => index / 8),
  );
  expect(await database.query('select 1 from parked_reading')).toEqual([]);
  expect(await database.query('select 1 from discovered_address')).toEqual([]);
  const { received, ended } = await books();
  expect(received).toBe(26);
  expect(ended).toBe(received);
});
