import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { now } from '../../core/clock.ts';
import { silentLog } from '../../core/log.ts';
import { Quality } from '../../core/reading.ts';
import { createTestDatabase, type TestDatabase } from '../../core/testing/database.ts';
import { waitUntil } from '../../core/testing/wait-until.ts';
import { diskFiles } from '../journal/journal-files.ts';
import type { Journal, JournalState } from '../journal/journal.ts';
import { openJournal } from '../journal/open-journal.ts';
import { openIntake, type JournalIntake } from '../journal/open-intake.ts';
import { createSkewMeter } from '../ledger/skew.ts';
import type { Source, SourceIntake } from '../receive/receiver.ts';
import { addReading } from '../resolve/add-reading.ts';
import { createSignalRegistry, type SignalRegistry } from '../resolve/signal-registry.ts';
import { registerGateway, type Gateway } from '../store/gateway.ts';
import { startStore } from '../store/start-store.ts';
import type { Store } from '../store/store.ts';
import { createTestPlant } from './test-plant.ts';

/** [signal name, time in µs, value, quality (good unless said)] */
export type StageRow = [string, number, number | string | null, number?];

/** Intake, journal and store on a database of their own with the test plant, without receivers. */
export interface StoreStage {
  database: TestDatabase;
  /** Doorbells that were rung. */
  bells: string[];
  registry(): SignalRegistry;
  idOf(name: string): number;
  /** Fills one message of a source (the line unless said), hands it over, and waits until everything is stored. */
  message(fill: (into: SourceIntake) => void, source?: Source): Promise<void>;
  send(rows: StageRow[], historical?: boolean): Promise<void>;
  /** Orders the back-fill of an MQTT address, and waits until it is done. */
  backfill(address: string): Promise<void>;
  /** Orders the replay that was asked for, and waits until it is done. */
  replay(): Promise<void>;
  /** Reads the signals anew. */
  reload(): Promise<void>;
  /** Why the store cannot store just now. */
  failure(): string | null;
  /** Sums of the whole ledger. */
  ledger(): Promise<Record<string, number>>;
  stored(name: string): Promise<{ time_us: number; value: number | null; quality: number }[]>;
  /** Where the journal's segments lie. */
  directory: string;
  /** The journal's own state. */
  journal(): JournalState;
  /** Stops intake, store and journal, optionally loses the journal's files, and starts all again. */
  restart(changes?: {
    committed?: number;
    parkedMaxReadings?: number;
    mostOldDays?: number;
    loseJournal?: boolean;
    /** How far the gateway's clock is ahead. */
    clockOffsetMs?: number;
  }): Promise<void>;
  /** A store of its own, with an empty journal, that claims to be the same gateway. */
  startSecondStore(): Promise<{ store: Store; close(): Promise<void> }>;
  close(): Promise<void>;
}

const line: Source = { protocol: 'mqtt', name: 'millrace/berlin/line-01' };

export async function openStoreStage(engine: TestDatabase['engine']): Promise<StoreStage> {
  const database = await createTestDatabase(engine);
  const signals = await createTestPlant(database);
  const directory = mkdtempSync(join(tmpdir(), 'millrace-store-'));
  const bells: string[] = [];
  let clock = now;
  let registry: SignalRegistry;
  let journal: Journal;
  let intake: JournalIntake;
  let store: Store;

  function openAt(path: string, gateway: Gateway): Promise<Journal> {
    const limits = { maxBytes: 1e9, minFreeBytes: 0, maxAgeMs: Number.POSITIVE_INFINITY, clock };
    const committed = { committed: gateway.last_sequence, committedTotal: gateway.journal_total };
    return openJournal({ directory: path, gatewayId: 1, ...limits, ...committed, files: diskFiles, log: silentLog });
  }

  async function start({
    committed,
    parkedMaxReadings = 1000,
    mostOldDays,
    clockOffsetMs = 0,
  }: {
    committed?: number;
    parkedMaxReadings?: number;
    mostOldDays?: number;
    clockOffsetMs?: number;
  } = {}): Promise<void> {
    clock = () => now() + clockOffsetMs;
    const found = await registerGateway(database, 1, 'millrace');
    const gateway = committed === undefined ? found : { ...found, last_sequence: committed, journal_total: 0 };
    registry = createSignalRegistry();
    await registry.load(database, gateway.organization_id);
    journal = await openAt(directory, gateway);
    intake = await openIntake({
      journal,
      clock,
      log: silentLog,
      whenFull: 'stop',
      farFutureHours: 24,
      onRecord: () => store.ring(),
    });
    store = storeOn(journal, gateway, parkedMaxReadings, mostOldDays);
  }

  function storeOn(on: Journal, gateway: Gateway, parkedMaxReadings: number, mostOldDays?: number): Store {
    return startStore({
      database,
      queues: { ring: async (name) => void bells.push(name) },
      journal: on,
      registry,
      gateway,
      clock,
      log: silentLog,
      skew: createSkewMeter(),
      flushRows: 20_000,
      flushMs: 10,
      parkedMaxReadings,
      backfill: intake.backfill,
      replay: intake.replay,
      farFutureHours: 24,
      ...(mostOldDays !== undefined && { mostOldDays }),
    });
  }

  async function stop(): Promise<void> {
    await intake.close();
    await store.close(10_000);
    await journal.close();
  }

  async function message(fill: (into: SourceIntake) => void, source = line): Promise<void> {
    // Nothing waits any more while the record is still being synced: only its sequence says that the journal has it.
    const before = journal.state.last_sequence;
    fill(intake.open(source));
    intake.handOver();
    await waitUntil('everything is stored', () => {
      const { readings, committed_sequence, last_sequence } = journal.state;
      return intake.waiting === 0 && readings === 0 && last_sequence > before && committed_sequence === last_sequence;
    });
  }

  async function order(give: () => void): Promise<void> {
    const before = journal.state.last_sequence;
    give();
    await waitUntil('the order is done', () => {
      const { committed_sequence, last_sequence } = journal.state;
      return last_sequence > before && committed_sequence === last_sequence;
    });
  }

  const idOf = (name: string): number => signals.get(name)?.signal_id ?? 0;
  await start();

  return {
    database,
    bells,
    registry: () => registry,
    idOf,
    message,
    send: (rows, historical = false) =>
      message((into) => {
        for (const [name, timeUs, value, quality = Quality.good] of rows) {
          const address = `millrace/berlin/line-01/m-001/${name}`;
          addReading(into, address, registry.signal(idOf(name)), timeUs, value, quality, now() * 1000, { historical });
        }
      }),
    replay: () => order(() => intake.replay()),
    backfill: (address) => order(() => intake.backfill('mqtt', address)),
    async reload() {
      const [row] = await database.query<{ organization_id: number }>('select organization_id from organization');
      await registry.load(database, row?.organization_id ?? 0);
    },
    directory,
    journal: () => journal.state,
    failure: () => store.state.failure,
    async ledger() {
      const [row] = await database.query<Record<string, number>>(
        `select sum(received)::int8 as received, sum(stored)::int8 as stored, sum(duplicate)::int8 as duplicate, sum(conflict)::int8 as conflict,
                sum(rejected)::int8 as rejected, sum(parked)::int8 as parked, sum(dropped)::int8 as dropped, sum(late)::int8 as late,
                sum(from_future)::int8 as from_future, sum(untimed)::int8 as untimed, sum(lost_upstream)::int8 as lost_upstream from ledger`,
      );
      return row ?? {};
    },
    stored: (name) =>
      database.query(
        'select (extract(epoch from time) * 1000000)::int8 as time_us, value, quality from reading where signal_id = $1 order by time',
        [idOf(name)],
      ),
    async restart(changes = {}) {
      await stop();
      if (changes.loseJournal === true) rmSync(directory, { recursive: true });
      await start(changes);
    },
    async startSecondStore() {
      const path = mkdtempSync(join(tmpdir(), 'millrace-store-'));
      const gateway = await registerGateway(database, 1, 'millrace');
      const other = await openAt(path, gateway);
      const second = storeOn(other, gateway, 0);
      return {
        store: second,
        async close() {
          await second.close(100);
          await other.close();
          rmSync(path, { recursive: true, force: true });
        },
      };
    },
    async close() {
      await stop();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}
