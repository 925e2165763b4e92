import { monotonic, pause } from '../../core/clock.ts';
import type { Connection } from '../../core/database.ts';
import { mayBeTheData, retryDelay, retryRule } from '../../core/retry.ts';
import { bookMissing } from '../ledger/book-missing.ts';
import { createSourceIds } from '../ledger/ledger.ts';
import type { SequencedEntry } from './batch.ts';
import {
  countParked,
  endSession,
  lockGateway,
  ownSession,
  readCommitted,
  type Committed,
  type Session,
} from './gateway.ts';
import { createInsertReadings } from './insert-readings.ts';
import { isolate } from './isolate.ts';
import { limitStatements, SilenceError } from './limit-statements.ts';
import { createPartitions } from './partitions.ts';
import { knownAddresses } from './parked-readings.ts';
import { refuseOld } from './refuse-old.ts';
import type { Store, StoreOptions } from './store.ts';
import { createStoreState } from './store-state.ts';
import { createTextValues } from './text-values.ts';
import { canSplit, collectWork, createWorkReader, splitWork, type CollectedWork, type Work } from './work.ts';
import { writeBatch, type BatchResult } from './write-batch.ts';

/**
 * A statement that takes longer than this is hung (a blackholed connection): its session is given up and the batch done
 * again. After each time in a row the limit doubles, so that a server that is only slow gets its work done in the end.
 */
const statementLimitMs = 15_000;
const mostStatementLimitMs = 240_000;
/** Other gateways park too: what they parked is counted so often, which takes 0.1 s for a million. */
const countParkedEveryMs = 60_000;
/**
 * A late reading is in the rollups within a second, because the store rings for it; in a flood of them the bell rings
 * no more often than this, since a refresh takes from the database what storing needs.
 */
const lateBellEveryMs = 5000;

/**
 * Starts the store: it follows the journal in order, one transaction at a time on one connection, so that sequences
 * commit in order and the feed has no gaps that fill later. It never gives up: while the database is away the journal
 * keeps what came. After a lost connection the committed sequence is read again, because the lost answer may have been
 * that of a COMMIT that happened.
 */
export function startStore(options: StoreOptions): Store {
  const { database, journal, gateway, log, clock } = options;
  const gatewayId = gateway.gateway_id;
  const stopping = new AbortController();
  const texts = createTextValues();
  const sourceIds = createSourceIds();
  const work = createWorkReader(journal, options.flushRows);
  const partitions = createPartitions(options.mostOldDays);
  const insertReadings = refuseOld(createInsertReadings(), partitions);
  let parkedReadings = gateway.parked_readings;
  let parkedCountedAt = monotonic();
  let lateRungAt = Number.NEGATIVE_INFINITY;
  let committed = gateway.last_sequence;
  let next: Work | undefined;
  // The rest of work that was refused as a whole.
  let pieces: Work[] = [];
  let wake: (() => void) | undefined;
  let closing = false;
  // Silences of the database in a row, and the session that was given up at the last one.
  let silences = 0;
  let abandoned: Session | undefined;
  let current: Session | undefined;
  // When the database last told its time.
  let readAt = 0;
  // FLUSH_MS has passed already: the next record is stored at once.
  let eager = false;
  const state = createStoreState();

  /** One transaction. Answers undefined when the database has this work already. */
  async function commitWork(connection: Connection, work: Work): Promise<BatchResult | undefined> {
    if (work.kind === 'intake' && work.isolate !== true) await partitions.ensure(connection, work.entries);
    await connection.query('begin');
    const before = await readCommitted(connection, gatewayId);
    readAt = monotonic();
    const last = before.last_sequence;
    if (last > journal.state.last_sequence) {
      throw new Error(
        `Gateway ${gatewayId} has stored sequence ${last}, which this process never made: another ingest runs with GATEWAY_ID ${gatewayId}. Give each its own.`,
      );
    }
    let entries = work.kind === 'intake' ? work.entries.filter(({ sequence }) => sequence > last) : [];
    if (work.sequence <= last) {
      await connection.query('rollback');
      return undefined;
    }
    const [only] = entries;
    if (work.kind === 'intake' && work.isolate === true && only !== undefined)
      entries = [await isolate(only, (entry) => tryEntry(connection, work, entry, before))];
    const { result, batch, resolved, taken, more } = await writeWork(connection, work, entries, before);
    await connection.query('commit');
    texts.committed(resolved);
    sourceIds.committed();
    partitions.committed();
    parkedReadings += result.parked - taken;
    options.skew.note(batch);
    if (work.kind === 'intake')
      for (const [protocol, address] of knownAddresses(batch, options.registry)) options.backfill(protocol, address);
    if (more && work.kind === 'backfill') options.backfill(work.protocol, work.address);
    if (more && work.kind === 'replay') options.replay();
    return result;
  }

  async function writeWork(
    connection: Connection,
    work: Work,
    entries: readonly SequencedEntry[],
    before: Committed,
  ): Promise<CollectedWork & { result: BatchResult }> {
    const collected = await collectWork(connection, work, entries, {
      organizationId: gateway.organization_id,
      registry: options.registry,
      texts,
      nowMs: clock(),
      farFutureHours: options.farFutureHours,
    });
    const { batch } = collected;
    if (batch.parked.length > 0 && monotonic() - parkedCountedAt > countParkedEveryMs) {
      parkedReadings = await countParked(connection, gateway.organization_id);
      parkedCountedAt = monotonic();
    }
    batch.journal_total = work.total;
    const frames = work.kind === 'intake' ? entries : [work];
    bookMissing(batch, gatewayId, before.journal_total, frames, clock());
    if (work.kind !== 'intake' || work.isolate === true) await partitions.ensureRows(connection, batch.columns);
    const writer = {
      gatewayId,
      organizationId: gateway.organization_id,
      registry: options.registry,
      insertReadings,
      sourceIds,
      parkedRoom: Math.max(0, options.parkedMaxReadings - parkedReadings),
      nowMs: () => before.now_ms + monotonic() - readAt,
    };
    return { ...collected, result: await writeBatch(connection, writer, batch) };
  }

  /** Writes an entry and takes it back; answers why the database refused it. */
  async function tryEntry(
    connection: Connection,
    work: Work,
    entry: SequencedEntry,
    before: Committed,
  ): Promise<Error | undefined> {
    await connection.query('savepoint trial');
    let failure: Error | undefined;
    try {
      await writeWork(connection, work, [entry], before);
    } catch (error) {
      if (!mayBeTheData(error)) throw error;
      failure = error as Error;
    }
    await connection.query('rollback to savepoint trial; release savepoint trial');
    // Sources and partitions that it made are gone again.
    sourceIds.forget();
    partitions.forget();
    return failure;
  }

  async function storeWork(connection: Connection, work: Work): Promise<void> {
    const startedAt = monotonic();
    const result = await commitWork(connection, work);
    silences = 0;
    state.last_batch_ms = monotonic() - startedAt;
    state.last_batch_rows = work.readings;
    state.last_commit_at_ms = clock();
    state.batches++;
    if (result !== undefined) {
      state.stored += result.stored;
      state.duplicate += result.duplicate;
      state.rejected += result.rejected;
      state.parked += result.parked;
    }
    committed = work.sequence;
    await journal.advance(committed, work.readings, work.total);
    if (result !== undefined && result.stored > 0) void options.queues.ring('readings', 'readings', {});
    if (result?.late === true && monotonic() - lateRungAt > lateBellEveryMs) {
      lateRungAt = monotonic();
      void options.queues.ring('rollups', 'rollups', {});
    }
  }

  /** Stores on one connection until it fails or the store closes. */
  async function session(borrowed: Connection): Promise<void> {
    const limitMs = (): number => Math.min(mostStatementLimitMs, statementLimitMs * 2 ** silences);
    const connection = limitStatements(borrowed, limitMs);
    current = await ownSession(connection);
    while (!(await lockGateway(connection, gatewayId))) {
      if (abandoned !== undefined) {
        // The server may believe for hours that our former session lives, with its lock and its open transaction.
        await endSession(connection, abandoned);
        abandoned = undefined;
        await pause(100, stopping.signal);
        continue;
      }
      state.failure = `Another ingest writes as gateway ${gatewayId}; give each its own GATEWAY_ID, or stop the other one.`;
      log.warn(state.failure);
      await pause(1000, stopping.signal);
      if (stopping.signal.aborted) return;
    }
    for (;;) {
      next ??= pieces.shift() ?? (await work.read());
      if (next === undefined) {
        state.failure = null;
        if (closing) return;
        await waitForWork();
        continue;
      }
      await storeWork(connection, next);
      next = undefined;
      if (state.failure !== null) log.info('readings are stored again');
      state.failure = null;
      if (stopping.signal.aborted) return;
      if (!closing && journal.state.readings < options.flushRows) await waitForWork();
    }
  }

  /** Until FLUSH_MS passed and there is something to store, or FLUSH_ROWS wait, or the store closes. */
  async function waitForWork(): Promise<void> {
    const startedAt = monotonic();
    while (!closing && journal.state.readings < options.flushRows) {
      const left = options.flushMs - (monotonic() - startedAt);
      if (left <= 0 && (journal.state.last_sequence > committed || work.holdsOrder || pieces.length > 0)) return;
      eager = left <= 0;
      await new Promise<void>((resolve) => {
        const timer = setTimeout(done, left > 0 ? left : 1000);
        function done(): void {
          clearTimeout(timer);
          wake = undefined;
          resolve();
        }
        wake = done;
      });
    }
    eager = false;
  }

  async function run(): Promise<void> {
    for (let attempt = 1; !stopping.signal.aborted; attempt++) {
      const batchesBefore = state.batches;
      try {
        await database.withConnection(session);
        return;
      } catch (error) {
        if (stopping.signal.aborted) return;
        if (error instanceof SilenceError) silences++;
        abandoned = current ?? abandoned;
        current = undefined;
        if (state.batches > batchesBefore) attempt = 1;
        state.retries++;
        const rule = retryRule(error);
        const message = error instanceof Error ? error.message : String(error);
        state.failure = `Readings cannot be stored: ${message}. They are kept in the journal and stored as soon as that is possible.`;
        // Caches may name rows that are gone; what is not listed as passing is loud, but tried again all the same.
        sourceIds.forget();
        partitions.forget();
        if (rule === undefined && next !== undefined && canSplit(next) && mayBeTheData(error)) {
          log.error(
            { error, sequence: next.sequence },
            'the database refuses what is to be stored; it is tried in pieces',
          );
          pieces = [...splitWork(next), ...pieces];
          next = undefined;
          attempt = 0;
          continue;
        }
        if (attempt === 1 || rule === undefined)
          log[rule === undefined ? 'error' : 'warn']({ error, attempt }, 'storing failed, trying again');
        await pause(retryDelay(rule ?? { minMs: 1000, maxMs: 15_000 }, attempt), stopping.signal);
      }
    }
  }

  const running = run();

  return {
    ring() {
      if (eager || closing || journal.state.readings >= options.flushRows) wake?.();
    },
    state,
    async close(limitMs) {
      closing = true;
      wake?.();
      const limit = setTimeout(() => stopping.abort(), limitMs);
      await Promise.race([
        running,
        new Promise<void>((resolve) => stopping.signal.addEventListener('abort', () => resolve())),
      ]);
      clearTimeout(limit);
      stopping.abort();
    },
  };
}
