import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { now } from '../../core/clock.ts';
import { readFeed } from '../../core/feed.ts';
import { silentLog } from '../../core/log.ts';
import { Quality } from '../../core/reading.ts';
import { createTestDatabase, testEngines, type TestDatabase } from '../../core/testing/database.ts';
import { waitUntil } from '../../core/testing/wait-until.ts';
import { diskFiles } from '../journal/journal-files.ts';
import { openJournal, type Journal } from '../journal/journal.ts';
import { openIntake, type JournalIntake } from '../journal/open-intake.ts';
import { createSkewMeter } from '../ledger/skew.ts';
import type { Source } from '../receive/receiver.ts';
import { addLost, addReading, addRejected } from '../resolve/add-reading.ts';
import { createSignalRegistry, type SignalRegistry } from '../resolve/signal-registry.ts';
import { createTestPlant, type TestSignal } from '../testing/test-plant.ts';
import { registerGateway } from './gateway.ts';
import { startStore, type Store } from './store.ts';

const line: Source = { protocol: 'mqtt', name: 'millrace/berlin/line-01' };

describe.each(testEngines())('on %s', (engine) => {
  let database: TestDatabase;
  let signals: Map<string, TestSignal>;
  let registry: SignalRegistry;
  let directory: string;
  let journal: Journal;
  let intake: JournalIntake;
  let store: Store;
  let bells: string[];
  let parkedMaxReadings: number;

  beforeEach(async () => {
    database = await createTestDatabase(engine);
    signals = await createTestPlant(database);
    directory = mkdtempSync(join(tmpdir(), 'millrace-store-'));
    bells = [];
    parkedMaxReadings = 1000;
    await start();
  });
  afterEach(async () => {
    await stop();
    rmSync(directory, { recursive: true, force: true });
  });

  async function start(changes: { committed?: number } = {}): Promise<void> {
    const found = await registerGateway(database, 1, 'millrace');
    const gateway = { ...found, last_sequence: changes.committed ?? found.last_sequence };
    registry = createSignalRegistry();
    await registry.load(database, gateway.organization_id);
    const paths = { directory, gatewayId: 1, maxBytes: 1e9, minFreeBytes: 0 };
    journal = await openJournal({ ...paths, committed: gateway.last_sequence, files: diskFiles, log: silentLog });
    intake = openIntake({
      journal,
      clock: now,
      log: silentLog,
      whenFull: 'stop',
      farFutureHours: 24,
      onRecord: () => store.ring(),
    });
    store = startStore({
      database,
      queues: { ring: async (name) => void bells.push(name) },
      journal,
      registry,
      gateway,
      clock: now,
      log: silentLog,
      skew: createSkewMeter(),
      flushRows: 20_000,
      flushMs: 10,
      parkedMaxReadings,
      backfill: intake.backfill,
    });
  }

  async function stop(): Promise<void> {
    await intake.close();
    await store.close(10_000);
    await journal.close();
  }

  const idOf = (name: string): number => signals.get(name)?.signal_id ?? 0;

  /** Hands over readings [signal, time in µs, value, quality] as one message of the line, and waits until they are stored. */
  async function send(rows: [string, number, number | string | null, number?][], historical = false): Promise<void> {
    const into = intake.open(line);
    for (const [name, timeUs, value, quality = Quality.good] of rows) {
      addReading(
        into,
        `millrace/berlin/line-01/m-001/${name}`,
        registry.signal(idOf(name)),
        timeUs,
        value,
        quality,
        now() * 1000,
        { historical },
      );
    }
    intake.handOver();
    await settled();
  }

  async function settled(): Promise<void> {
    await waitUntil(
      'everything is stored',
      () =>
        intake.waiting === 0 &&
        journal.state.readings === 0 &&
        journal.state.committed_sequence === journal.state.last_sequence &&
        journal.state.last_sequence > 0,
    );
  }

  async function ledger(): Promise<Record<string, number>> {
    const [row] = await database.query<Record<string, number>>(
      `select sum(received)::int8 as received, sum(stored)::int8 as stored, sum(duplicate)::int8 as duplicate, sum(conflict)::int8 as conflict,
              sum(rejected)::int8 as rejected, sum(parked)::int8 as parked, sum(dropped)::int8 as dropped, sum(late)::int8 as late,
              sum(from_future)::int8 as from_future, sum(untimed)::int8 as untimed, sum(lost_upstream)::int8 as lost_upstream from ledger`,
    );
    return row ?? {};
  }

  const stored = (name: string) =>
    database.query(
      'select (extract(epoch from time) * 1000000)::int8 as time_us, value, quality from reading where signal_id = $1 order by time',
      [idOf(name)],
    );

  test('values, times and qualities are stored to the last digit, counted, fed and ringed for', async () => {
    const timeUs = now() * 1000 + 457;
    await send([
      ['t-1', timeUs, 0.1 + 0.2],
      ['t-2', timeUs, 5e-324, Quality.uncertain],
      ['t-3', timeUs, null, Quality.bad],
      ['order', timeUs, 'PN-4711'],
    ]);
    expect(await stored('t-1')).toEqual([{ time_us: timeUs, value: 0.1 + 0.2, quality: 192 }]);
    expect(await stored('t-2')).toEqual([{ time_us: timeUs, value: 5e-324, quality: 64 }]);
    expect(await stored('t-3')).toEqual([{ time_us: timeUs, value: null, quality: 0 }]);
    expect(await ledger()).toMatchObject({ received: 4, stored: 4, duplicate: 0, rejected: 0, parked: 0, late: 0 });
    const [batch] = await readFeed(database, new Map());
    expect(batch?.readings.length).toBe(4);
    expect(batch?.live_rows).toBe(4);
    expect([...(batch?.readings.signal_id.subarray(0, 4) ?? [])]).toEqual([
      idOf('t-1'),
      idOf('t-2'),
      idOf('t-3'),
      idOf('order'),
    ]);
    expect(bells).toContain('readings');
  });

  test('duplicates inside a batch and against the table are told from conflicts, which are kept', async () => {
    const timeUs = now() * 1000;
    await send([
      ['t-1', timeUs, 1],
      ['t-1', timeUs, 1],
      ['t-2', timeUs, 2],
      ['t-2', timeUs, 3],
    ]);
    await send([
      ['t-1', timeUs, 1],
      ['t-1', timeUs, 9],
      ['t-1', timeUs, 1, Quality.bad],
      ['t-1', timeUs + 1, 5],
      ['t-3', timeUs, null, Quality.bad],
    ]);
    await send([
      ['t-3', timeUs, null, Quality.bad],
      ['t-3', timeUs, 1],
    ]);
    expect(await stored('t-1')).toEqual([
      { time_us: timeUs, value: 1, quality: 192 },
      { time_us: timeUs + 1, value: 5, quality: 192 },
    ]);
    expect(await stored('t-2')).toEqual([{ time_us: timeUs, value: 2, quality: 192 }]);
    expect(await ledger()).toMatchObject({ received: 11, stored: 4, duplicate: 7, conflict: 4, rejected: 0 });
    const conflicts = await database.query(
      "select signal_id, value from rejected_reading where reason = 'conflict' order by rejected_reading_id",
    );
    expect(conflicts).toEqual([
      { signal_id: idOf('t-2'), value: 3 },
      { signal_id: idOf('t-1'), value: 9 },
      { signal_id: idOf('t-1'), value: 1 },
      { signal_id: idOf('t-3'), value: 1 },
    ]);
    // The feed carries what was stored, and nothing twice.
    const batches = await readFeed(database, new Map());
    expect(batches.reduce((sum, { readings }) => sum + readings.length, 0)).toBe(4);
  });

  test('the latest value moves forward only, and never to a historical reading', async () => {
    const timeUs = now() * 1000;
    await send([
      ['t-1', timeUs, 1],
      ['t-1', timeUs + 2000, 3],
      ['t-1', timeUs + 1000, 2],
    ]);
    await send([['t-1', timeUs - 1000, 0]]);
    await send(
      [
        ['t-1', timeUs + 9000, 9],
        ['t-2', timeUs, 7],
      ],
      true,
    );
    const latest = await database.query('select signal_id, value from latest_value order by signal_id');
    expect(latest).toEqual([{ signal_id: idOf('t-1'), value: 3 }]);
    expect((await stored('t-1')).length).toBe(5);
    const batches = await readFeed(database, new Map());
    expect(batches.map(({ live_rows, readings }) => [live_rows, readings.length])).toEqual([
      [3, 3],
      [1, 1],
      [0, 2],
    ]);
  });

  test('late readings are counted, and noted by range with the machines whose states and counts they change', async () => {
    const hour = 3_600_000_000;
    const nowUs = now() * 1000;
    const old = Date.UTC(2014, 3, 1, 12) * 1000;
    await send([
      ['t-1', nowUs, 1],
      ['t-1', nowUs - 3 * hour, 2],
      ['t-1', nowUs - 3 * hour + 1, 3],
      ['state', old, 6],
      ['t-2', old + 5, 1],
    ]);
    expect(await ledger()).toMatchObject({ stored: 5, late: 4 });
    const ranges = await database.query(
      `select (extract(epoch from from_time) * 1000000)::int8 as from_us, (extract(epoch from to_time) * 1000000)::int8 as to_us, machine_ids
         from late_range order by from_time`,
    );
    const [machine] = await database.query<{ machine_id: number }>('select machine_id from machine');
    expect(ranges).toEqual([
      { from_us: old, to_us: old + 5, machine_ids: [machine?.machine_id] },
      { from_us: nowUs - 3 * hour, to_us: nowUs - 3 * hour + 1, machine_ids: [] },
    ]);
  });

  test('a row that the database refuses is found by halves and kept; the others are stored', async () => {
    await database.query('alter table reading add constraint no_sevens check (value <> 7)');
    const timeUs = now() * 1000;
    const rows = Array.from({ length: 100 }, (_, index): [string, number, number] => [
      't-1',
      timeUs + index,
      index === 31 || index === 77 ? 7 : index + 100,
    ]);
    await send([...rows, ['t-1', timeUs, 100]]);
    expect(await ledger()).toMatchObject({ received: 101, stored: 98, duplicate: 1, rejected: 2 });
    const refused = await database.query<{ detail: string }>(
      "select value, detail from rejected_reading where reason = 'refused_by_database'",
    );
    expect(refused).toMatchObject([{ value: 7 }, { value: 7 }]);
    expect(refused[0]?.detail).toContain('no_sevens');
  });

  test('unknown addresses are parked up to the limit, then counted as rejected', async () => {
    await stop();
    parkedMaxReadings = 3;
    await start();
    const timeUs = now() * 1000;
    await send(Array.from({ length: 5 }, (_, index): [string, number, number] => ['nobody', timeUs + index, index]));
    expect(await ledger()).toMatchObject({ received: 5, parked: 3, rejected: 2 });
    expect(await database.query('select address, readings, sample from discovered_address')).toEqual([
      { address: 'millrace/berlin/line-01/m-001/nobody', readings: 5, sample: '4' },
    ]);
    const [full] = await database.query<{ detail: string }>(
      "select detail from rejected_reading where reason = 'parked_full'",
    );
    expect(full?.detail).toContain('2 readings of the unknown address');
  });

  test('rejections keep their bytes, and what the protocol lost is in the books', async () => {
    const into = intake.open(line);
    addRejected(into, 'millrace/x', 'malformed_payload', 'Broken; accepted is JSON.', Buffer.from([0, 1, 255]), {
      time_us: Number.NEGATIVE_INFINITY,
      value: Number.POSITIVE_INFINITY,
    });
    addReading(into, 'a', registry.signal(idOf('t-1')), now() * 1000 + 200_000_000_000, 1, Quality.good, now() * 1000);
    addLost(into, 12);
    intake.handOver();
    await settled();
    expect(await ledger()).toMatchObject({ received: 2, rejected: 2, from_future: 1, lost_upstream: 12 });
    const [row] = await database.query(
      'select reason, payload, time, value from rejected_reading order by rejected_reading_id limit 1',
    );
    expect(row).toEqual({
      reason: 'malformed_payload',
      payload: Buffer.from([0, 1, 255]),
      time: null,
      value: Number.POSITIVE_INFINITY,
    });
  });

  test('a record that was committed before, but whose commit nobody heard of, is skipped whole', async () => {
    const timeUs = now() * 1000;
    await send([['t-1', timeUs, 1]]);
    await send([['t-1', timeUs, 1]]);
    const before = await ledger();
    expect(before).toMatchObject({ received: 2, stored: 1, duplicate: 1 });
    await stop();
    // As after a crash between COMMIT and the freeing of the journal: it believes that nothing is committed yet.
    rmSync(directory, { recursive: true });
    await start({ committed: 0 });
    for (const value of [1, 2]) {
      const into = intake.open(line);
      addReading(into, 'a', registry.signal(idOf('t-1')), timeUs, value, Quality.good, timeUs);
      intake.handOver();
      await waitUntil('the record is journaled', () => intake.waiting === 0);
    }
    await settled();
    expect(await ledger()).toEqual(before);
    await send([['t-2', timeUs, 1]]);
    expect(await ledger()).toMatchObject({ received: 3, stored: 2, duplicate: 1 });
  });

  test('a signal deleted since does not stop the batch', async () => {
    await database.query('delete from signal where signal_id = $1', [idOf('t-2')]);
    const timeUs = now() * 1000;
    await send([
      ['t-1', timeUs, 1],
      ['t-2', timeUs, 2],
      ['t-3', timeUs, 3],
    ]);
    expect(await ledger()).toMatchObject({ received: 3, stored: 3 });
    expect(await database.query('select signal_id from latest_value order by 1')).toEqual([
      { signal_id: idOf('t-1') },
      { signal_id: idOf('t-3') },
    ]);
  });

  test('a second ingest with the same gateway number waits and says so', async () => {
    await send([['t-1', now() * 1000, 1]]);
    const gateway = await registerGateway(database, 1, 'millrace');
    const otherDirectory = mkdtempSync(join(tmpdir(), 'millrace-store-'));
    const other = await openJournal({
      directory: otherDirectory,
      gatewayId: 1,
      maxBytes: 1e9,
      minFreeBytes: 0,
      committed: gateway.last_sequence,
      files: diskFiles,
      log: silentLog,
    });
    const second = startStore({
      database,
      queues: { ring: async () => undefined },
      journal: other,
      registry,
      gateway,
      clock: now,
      log: silentLog,
      skew: createSkewMeter(),
      flushRows: 1,
      flushMs: 1,
      parkedMaxReadings: 0,
      backfill: () => undefined,
    });
    await waitUntil('the second one says why it waits', () =>
      second.state.failure?.includes('Another ingest writes as gateway 1'),
    );
    await second.close(100);
    await other.close();
    rmSync(otherDirectory, { recursive: true, force: true });
  });
});
