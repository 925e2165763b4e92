import { monotonic, toTimestamp, type Clock } from '../../core/clock.ts';
import type { Database } from '../../core/database.ts';
import type { Log } from '../../core/log.ts';
import type { JournalState } from '../journal/journal.ts';
import type { Receiver, SourceState } from '../receive/receiver.ts';
import { epochTime, timeArray } from '../store/sql-arrays.ts';
import type { StoreState } from '../store/store-state.ts';
import type { SkewMeter } from './skew.ts';

export interface HeartbeatOptions {
  database: Database;
  gatewayId: number;
  organizationId: number;
  startedAtMs: number;
  clock: Clock;
  log: Log;
  skew: SkewMeter;
  receivers: () => readonly Receiver[];
  journal: () => JournalState;
  store: () => StoreState;
  intake: () => { waiting: number; dropped: number; isFull: boolean };
}

/** How the gateway feels; the first that applies. Everything but `running` deserves an alarm. */
export type GatewayStatus =
  | 'disk_failing'
  | 'journal_full'
  | 'not_storing'
  | 'dropping'
  | 'journal_damaged'
  | 'running';

const everyMs = 5000;
/** So long a gateway says that it drops: analytics looks every 30 s, and drops come in bursts. */
const dropsToldMs = 120_000;

/**
 * Writes the gateway's row and the states of its sources every 5 s: ingest serves no HTTP, the API shows what stands
 * here. When the database is away nothing is written, and the age of `reported_at` says so.
 */
export function startHeartbeat(options: HeartbeatOptions): { beat(): Promise<void>; close(): Promise<void> } {
  // What had been dropped by then, and when a drop was seen last.
  let droppedBefore = 0;
  let droppedAt = Number.NEGATIVE_INFINITY;
  let droppedOfLate = 0;
  let running: Promise<void> = Promise.resolve();

  async function write(): Promise<void> {
    const journal = options.journal();
    const store = options.store();
    const intake = options.intake();
    const sources = options.receivers().flatMap((receiver) => receiver.states());
    if (monotonic() - droppedAt > dropsToldMs) droppedOfLate = 0;
    if (intake.dropped > droppedBefore) droppedAt = monotonic();
    droppedOfLate += intake.dropped - droppedBefore;
    droppedBefore = intake.dropped;
    const { status, message } = describeGateway(journal, store, intake, droppedOfLate);
    const usage = process.cpuUsage();
    await options.database.execute(
      `update gateway set reported_at = clock_timestamp(), journal_readings = $2, journal_bytes = $3, status = $4 where gateway_id = $1`,
      [
        options.gatewayId,
        journal.readings + intake.waiting,
        journal.bytes,
        JSON.stringify({
          status,
          message,
          started_at: toTimestamp(options.startedAtMs),
          // The API offers every number at this level as a metric of the gateway.
          stored_total: store.stored,
          duplicate_total: store.duplicate,
          rejected_total: store.rejected,
          parked_total: store.parked,
          dropped_total: intake.dropped,
          batches_total: store.batches,
          store_retries_total: store.retries,
          last_batch_rows: store.last_batch_rows,
          last_batch_seconds: store.last_batch_ms / 1000,
          unjournaled_readings: intake.waiting,
          journal_segments: journal.segments,
          journal_damaged_total: journal.damaged,
          journal_is_full: intake.isFull ? 1 : 0,
          disk_free_bytes: Number.isFinite(journal.free_bytes) ? journal.free_bytes : null,
          sources_connected: sources.filter(({ connected }) => connected).length,
          resident_memory_bytes: process.memoryUsage.rss(),
          cpu_seconds_total: (usage.user + usage.system) / 1e6,
        }),
      ],
    );
    await writeSources(sources);
  }

  async function writeSources(sources: SourceState[]): Promise<void> {
    if (sources.length === 0) return;
    // Sources that have never sent anything get their row here, so that a silent server is visible too.
    await options.database.execute(
      `insert into source as s (organization_id, protocol, name, connected, skew_ms, status, last_message_at)
       select $1, n.protocol, n.name, n.connected, n.skew_ms, n.status::jsonb, ${epochTime('n.last_us')}
         from unnest($2::text[], $3::text[], $4::boolean[], $5::float8[], $6::text[], $7::int8[])
              as n(protocol, name, connected, skew_ms, status, last_us)
       on conflict (organization_id, protocol, name) do update
          set connected = excluded.connected, skew_ms = coalesce(excluded.skew_ms, s.skew_ms), status = excluded.status,
              last_message_at = greatest(s.last_message_at, excluded.last_message_at)`,
      [
        options.organizationId,
        sources.map(({ protocol }) => protocol),
        sources.map(({ name }) => name),
        sources.map(({ connected }) => connected),
        sources.map(({ protocol, name }) => options.skew.median(protocol, name)),
        sources.map(({ status }) => JSON.stringify(status)),
        timeArray(sources.map(({ last_message_at_ms }) => (last_message_at_ms ?? Number.NaN) * 1000)),
      ],
    );
  }

  function beat(): Promise<void> {
    running = running
      .then(write)
      .catch((error: unknown) => options.log.debug({ error }, 'the heartbeat could not be written'));
    return running;
  }

  const timer = setInterval(() => void beat(), everyMs);
  return {
    beat,
    async close() {
      clearInterval(timer);
      await beat();
    },
  };
}

/** The gateway's state in one word and one sentence. */
export function describeGateway(
  journal: JournalState,
  store: StoreState,
  intake: { isFull: boolean },
  droppedNow: number,
): { status: GatewayStatus; message: string } {
  if (journal.failure !== null) return { status: 'disk_failing', message: journal.failure };
  if (droppedNow > 0) {
    return {
      status: 'dropping',
      message: `The journal is full and ${droppedNow} readings were dropped, as JOURNAL_WHEN_FULL says.`,
    };
  }
  if (intake.isFull) {
    return {
      status: 'journal_full',
      message: `The journal is full (${journal.bytes} bytes, ${journal.free_bytes} free on the disk): nothing is acknowledged until the database takes readings again.`,
    };
  }
  if (store.failure !== null) return { status: 'not_storing', message: store.failure };
  if (journal.damaged > 0) {
    return {
      status: 'journal_damaged',
      message: `${journal.damaged} damaged places in the journal were skipped since the start; see the log for the files.`,
    };
  }
  return { status: 'running', message: 'Everything received is stored.' };
}
