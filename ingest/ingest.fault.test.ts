import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Aedes } from 'aedes';
import { afterEach, beforeEach, describe, expect, onTestFailed, test } from 'vitest';
import { now, pause } from '../core/clock.ts';
import { openDatabase, quoteName, type Database } from '../core/database.ts';
import { silentLog } from '../core/log.ts';
import { createTestDatabase, testEngines, type TestDatabase } from '../core/testing/database.ts';
import { waitUntil } from '../core/testing/wait-until.ts';
import { readBooks, startPublisher, storedChecksum, type Publisher } from './receive/testing/publisher.ts';
import { runIngest, type RunningIngest } from './testing/run-ingest.ts';
import { createTestPlant } from './testing/test-plant.ts';

// After every fault, what the database holds is exactly what the publisher was told is acknowledged: by checksum over
// signal, time and value, not by count alone. The broker stays; its own durability is docs/durability.md's subject.
describe.each(testEngines())('on %s', (engine) => {
  let database: TestDatabase;
  let administration: Database;
  let broker: Aedes;
  let server: Server;
  let publisher: Publisher;
  let ingest: RunningIngest;
  let settings: Record<string, string>;

  beforeEach(async () => {
    database = await createTestDatabase(engine);
    // Orders about a database cannot be given in it.
    const url = new URL(database.url);
    url.pathname = '/postgres';
    administration = openDatabase({ url: url.href, name: 'millrace test', log: silentLog, maxConnections: 1 });
    const signals = await createTestPlant(database, 40);
    broker = await Aedes.createBroker({ concurrency: 1000, queueLimit: 10_000 });
    server = createServer(broker.handle);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const brokerUrl = `mqtt://127.0.0.1:${(server.address() as { port: number }).port}`;
    const dataDir = mkdtempSync(join(tmpdir(), 'millrace-fault-'));
    settings = { DATABASE_URL: database.url, MQTT_URL: brokerUrl, DATA_DIR: dataDir, DISK_MIN_FREE: '1MB' };
    publisher = await startPublisher(brokerUrl, [...signals.values()].slice(0, 40), now());
  });

  afterEach(async () => {
    await publisher.close();
    await administration.close();
    await ingest.stop('SIGKILL');
    await new Promise<void>((resolve) => broker.close(() => resolve()));
    await new Promise<void>((resolve) => server.close(() => resolve()));
    rmSync(settings['DATA_DIR'] ?? '', { recursive: true, force: true });
  });

  /** The list of clients is part of aedes, but not of its types. */
  function isConnected(): boolean {
    return 'millrace-ingest' in (broker as unknown as { clients: object }).clients;
  }

  async function start(): Promise<void> {
    ingest = await runIngest(settings);
    const { output } = ingest;
    onTestFailed(() => void process.stdout.write(`What ingest said:\n${output().slice(-10_000)}\n`));
    await waitUntil('ingest is connected', isConnected, { limitMs: 20_000 });
  }

  async function expectNothingLostAndNothingTwice(): Promise<void> {
    const acknowledged = publisher.acknowledged();
    await waitUntil(
      'all that was acknowledged is stored',
      async () => {
        const { readings } = await storedChecksum(database);
        if (readings >= acknowledged.readings) return true;
        const [gateway] = await database.query('select reported_at, journal_readings, status from gateway');
        throw new Error(
          `${readings} of ${acknowledged.readings} are stored; the gateway says ${JSON.stringify(gateway)}`,
        );
      },
      { limitMs: 60_000, everyMs: 100 },
    );
    expect(await storedChecksum(database)).toEqual(acknowledged);
    await waitUntil(
      'the books hold every message',
      async () => (await readBooks(database)).received >= publisher.messages,
      { limitMs: 20_000 },
    );
    const books = await readBooks(database);
    expect(books.ended).toBe(books.received);
    expect(books.stored).toBe(acknowledged.readings);
  }

  async function connectionsMayOpen(allowed: boolean): Promise<void> {
    await administration.query(`alter database ${quoteName(database.databaseName)} with allow_connections ${allowed}`);
    if (!allowed) await cutConnections();
  }

  async function cutConnections(): Promise<void> {
    await administration.query(
      "select pg_terminate_backend(pid) from pg_stat_activity where datname = $1 and application_name like 'millrace ingest%'",
      [database.databaseName],
    );
  }

  test('ingest killed with -9, six times under load', async () => {
    await start();
    let published = false;
    const publishing = publisher.publish(12_000).then(() => {
      published = true;
    });
    for (let kills = 0; kills < 6; kills++) {
      // Between 50 and 450 ms after the start: in the middle of receiving, journaling, storing and replaying.
      await pause(50 + kills * 80);
      await ingest.stop('SIGKILL');
      await start();
    }
    await publishing;
    expect(published).toBe(true);
    await expectNothingLostAndNothingTwice();
  });

  test('the database cuts the connections again and again, then takes none for three seconds', async () => {
    await start();
    const publishing = publisher.publish(10_000);
    for (let cuts = 0; cuts < 6; cuts++) {
      await pause(150);
      await cutConnections();
    }
    await connectionsMayOpen(false);
    await pause(3000);
    await connectionsMayOpen(true);
    await publishing;
    expect(ingest.process.exitCode).toBeNull();
    await expectNothingLostAndNothingTwice();
  });

  test('the journal is full while the database is away: the broker keeps the rest, and all of it arrives', async () => {
    settings['JOURNAL_MAX_SIZE'] = '600KB';
    await start();
    await publisher.publish(100);
    await connectionsMayOpen(false);
    await publisher.publish(30_000);
    await waitUntil('ingest has hung up', () => !isConnected(), { limitMs: 30_000 });
    const { readings } = await storedChecksum(database);
    expect(readings).toBeLessThan(publisher.acknowledged().readings);
    await connectionsMayOpen(true);
    await expectNothingLostAndNothingTwice();
  });

  test('SIGTERM under load ends within ten seconds, and the next start goes on where it stopped', async () => {
    await start();
    const publishing = publisher.publish(8000);
    await pause(300);
    const stoppedAt = performance.now();
    expect(await ingest.stop('SIGTERM')).toBe(0);
    expect(performance.now() - stoppedAt).toBeLessThan(10_000);
    await start();
    await publishing;
    await expectNothingLostAndNothingTwice();
  });
});
