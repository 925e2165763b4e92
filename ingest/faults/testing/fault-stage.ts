import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFailed, onTestFinished } from 'vitest';
import { now, pause } from '../../../core/clock.ts';
import { openDatabase, quoteName, type Database } from '../../../core/database.ts';
import { silentLog } from '../../../core/log.ts';
import { createTestDatabase, type TestDatabase } from '../../../core/testing/database.ts';
import { recordFault } from '../../../core/testing/fault-record.ts';
import { waitUntil } from '../../../core/testing/wait-until.ts';
import { openTcpProxy, type TcpProxy } from '../../../simulators/faults/tcp-proxy.ts';
import { runIngest, type RunningIngest } from '../../testing/run-ingest.ts';
import { createTestPlant, type TestSignal } from '../../testing/test-plant.ts';
import { startMemoryBroker } from './memory-broker.ts';
import { checksumOf, startPublisher, type Mess, type Publisher } from './publisher.ts';
import { readBooks, storedChecksum, storedReadings } from './stored.ts';

/** Whoever sends the readings of a test, and what became of them as far as it was told. */
export type Sender = Pick<Publisher, 'sent' | 'acknowledged' | 'messages'>;

/** The broker that the stage's publisher and ingest talk to. */
export interface StageBroker {
  url: string;
  port: number;
  close(): Promise<void>;
}

export interface FaultStage {
  database: TestDatabase;
  broker: StageBroker;
  /** Between ingest and the broker; the publisher has a line of its own. */
  brokerProxy: TcpProxy;
  /** Between ingest and the database. */
  databaseProxy: TcpProxy;
  publisher: Publisher;
  signals: Map<string, TestSignal>;
  /** Of the next start of ingest. */
  settings: Record<string, string>;
  readonly ingest: RunningIngest;
  /** Starts ingest and waits until it is ready, and the first time until it is subscribed. */
  start(): Promise<void>;
  /** Bounds the memory of another process too; `pid` is asked again and again, because it changes with a start. */
  watchMemory(pid: () => number | undefined): void;
  /** Publishes all the time while `work` runs: 200 readings, a pause of 20 ms, and again. */
  publishDuring(work: () => Promise<void>, pauseMs?: number): Promise<void>;
  /** Whether the database takes new connections of anybody; with false those of ingest are cut. */
  connectionsMayOpen(allowed: boolean): Promise<void>;
  cutConnections(): Promise<void>;
  /** Five times the line to the database is cut, then it takes no connection for three seconds, and is whole again. */
  interruptDatabase(): Promise<void>;
  /**
   * Waits until everything is stored, and asserts that what the database holds is exactly what the sender (else: the
   * stage's publisher) was told is acknowledged (by checksum over signal, time and value), that the feed holds the same
   * once, that the books balance, and that no watched process (ingest always) ever had more than `mostMegabytes`.
   */
  expectNothingLostAndNothingTwice(fault: string, runs: number, limitMs?: number, sender?: Sender): Promise<void>;
}

/** Ingest has some 110 MB after its start, and 10 MB messages are among what it is sent. */
const mostMegabytes = 700;

/** Resident memory in MB, or 0 where the system does not tell it or the process is gone. */
export function residentMegabytes(pid: number | undefined): number {
  try {
    return Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) / 1024;
  } catch {
    return 0;
  }
}

/**
 * A database, a broker, a publisher and ingest as processes, with a proxy on each line. Closes itself after the test.
 */
export async function openFaultStage(
  engine: TestDatabase['engine'],
  options: {
    broker?: StageBroker;
    database?: TestDatabase;
    settings?: Record<string, string>;
    mess?: Mess;
    preload?: string;
  } = {},
): Promise<FaultStage> {
  const closers: (() => unknown)[] = [];
  onTestFinished(async () => {
    for (const close of closers.toReversed()) await close();
  });
  const database = options.database ?? (await createTestDatabase(engine));
  // Orders about a database cannot be given in it.
  const url = new URL(database.url);
  url.pathname = '/postgres';
  const administration: Database = openDatabase({
    url: url.href,
    name: 'millrace test',
    log: silentLog,
    maxConnections: 1,
  });
  closers.push(() => administration.close());
  const signals = await createTestPlant(database, 40);
  const broker = options.broker ?? (await startMemoryBroker());
  closers.push(() => broker.close());
  const brokerProxy = await openTcpProxy({ port: broker.port });
  closers.push(() => brokerProxy.close());
  const databaseUrl = new URL(database.url);
  const databaseProxy = await openTcpProxy({ host: databaseUrl.hostname, port: Number(databaseUrl.port) });
  closers.push(() => databaseProxy.close());
  databaseUrl.hostname = databaseProxy.host;
  databaseUrl.port = String(databaseProxy.port);
  const dataDir = mkdtempSync(join(tmpdir(), 'millrace-fault-'));
  closers.push(() => rmSync(dataDir, { recursive: true, force: true }));
  const settings: Record<string, string> = {
    DATABASE_URL: databaseUrl.href,
    MQTT_URL: `mqtt://127.0.0.1:${brokerProxy.port}`,
    DATA_DIR: dataDir,
    DISK_MIN_FREE: '1MB',
    ...options.settings,
  };
  let ingest: RunningIngest | undefined;
  closers.push(() => ingest?.stop('SIGKILL'));
  const watched = [() => ingest?.process.pid];
  let peak = 0;
  const watching = setInterval(() => {
    for (const pid of watched) peak = Math.max(peak, residentMegabytes(pid()));
  }, 100);
  watching.unref();
  closers.push(() => clearInterval(watching));
  const publisher = await startPublisher(
    broker.url,
    [...signals.values()].slice(0, 40),
    now(),
    options.mess === undefined ? {} : { mess: options.mess },
  );
  closers.push(() => publisher.close());

  async function start(): Promise<void> {
    const isFirst = ingest === undefined;
    const started = await runIngest(settings, options.preload);
    ingest = started;
    onTestFailed(() => void process.stdout.write(`What ingest said:\n${started.output().slice(-10_000)}\n`));
    // Later starts find the session of the first one: the broker keeps what comes meanwhile.
    if (!isFirst) return;
    await waitUntil(
      'ingest is subscribed',
      async () => {
        const [row] = await database.query(
          "select 1 from source where protocol = 'mqtt' and name = 'millrace' and connected",
        );
        return row !== undefined;
      },
      { limitMs: 20_000, everyMs: 100 },
    );
  }

  async function cutConnections(): Promise<void> {
    await administration.query(
      "select pg_terminate_backend(pid) from pg_stat_activity where datname = $1 and application_name like 'millrace ingest%'",
      [database.databaseName],
    );
  }

  return {
    database,
    broker,
    brokerProxy,
    databaseProxy,
    publisher,
    signals,
    settings,
    get ingest() {
      if (ingest === undefined) throw new Error('Ingest was not started.');
      return ingest;
    },
    start,
    cutConnections,
    watchMemory: (pid) => void watched.push(pid),
    async publishDuring(work, pauseMs = 20) {
      let done = false;
      const publishing = (async () => {
        while (!done) {
          await publisher.publish(200);
          // Some 4,000 readings a second: more would starve the parts that have to start again beside it.
          await pause(pauseMs);
        }
      })();
      await work().finally(() => {
        done = true;
      });
      await publishing;
    },
    async connectionsMayOpen(allowed) {
      await administration.query(
        `alter database ${quoteName(database.databaseName)} with allow_connections ${allowed}`,
      );
      if (allowed) return;
      await cutConnections();
      // A backend that was told to end may still commit what it is at.
      await waitUntil('ingest has lost its connections', async () => {
        const open = await administration.query(
          "select 1 from pg_stat_activity where datname = $1 and application_name like 'millrace ingest%'",
          [database.databaseName],
        );
        return open.length === 0;
      });
    },
    async interruptDatabase() {
      for (let cuts = 0; cuts < 5; cuts++) {
        await pause(150);
        databaseProxy.cut();
      }
      await databaseProxy.refuse();
      await pause(3000);
      await databaseProxy.heal();
    },
    async expectNothingLostAndNothingTwice(fault, runs, limitMs = 60_000, sender = publisher) {
      const acknowledged = checksumOf(sender.acknowledged);
      const arrived = await waitUntil(
        'all that was acknowledged is stored and booked',
        async () => {
          // By the books, because a checksum over two million rows takes seconds; the rows themselves are looked at below.
          const { received, stored, marks } = await readBooks(database);
          if (stored - marks >= acknowledged.readings && received >= sender.messages) return true;
          const [gateway] = await database.query('select reported_at, journal_readings, status from gateway');
          throw new Error(
            `${stored - marks} of ${acknowledged.readings} are stored, ${received} of ${sender.messages} messages booked; the gateway says ${JSON.stringify(gateway)}`,
          );
        },
        { limitMs, everyMs: 100 },
      ).then(
        () => undefined,
        (error: unknown) => error as Error,
      );
      const rows = await storedReadings(database);
      const distinct = new Set(rows);
      const books = await readBooks(database);
      const lost = [...sender.acknowledged].filter((reading) => !distinct.has(reading)).length;
      const foreign = [...distinct].filter((reading) => !sender.acknowledged.has(reading)).length;
      const doubled =
        Math.max(rows.length, books.stored - books.marks, books.fed - books.marks) - distinct.size + foreign;
      recordFault({
        fault,
        engine,
        runs,
        sent: sender.sent,
        acknowledged: acknowledged.readings,
        stored: distinct.size,
        lost,
        doubled,
        peak_mb: Math.round(peak),
      });
      if (arrived !== undefined) throw arrived;
      expect({ lost, doubled }).toEqual({ lost: 0, doubled: 0 });
      expect(await storedChecksum(database)).toEqual(acknowledged);
      expect(books.ended).toBe(books.received);
      // MQTT JSON has no deaths, and nobody to mark as stale.
      if (sender === publisher) expect(books.marks).toBe(0);
      expect(books.stored - books.marks).toBe(acknowledged.readings);
      expect(books.fed).toBe(books.stored);
      expect(peak).toBeLessThan(mostMegabytes);
    },
  };
}
