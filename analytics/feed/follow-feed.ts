import { monotonic } from '../../core/clock.ts';
import type { Database } from '../../core/database.ts';
import { type FeedCursor, readFeed } from '../../core/feed.ts';
import type { Log } from '../../core/log.ts';
import { metric } from '../../core/metrics.ts';
import { writeScores } from '../anomaly/write-scores.ts';
import { loadPlant } from '../plant.ts';
import { lockPosition, readMemory, readPosition, writePosition } from './checkpoint.ts';
import { type Live, passTime, restoreLive, snapshotLive } from './live.ts';
import { openLive } from './lost-memory.ts';
import { resyncAfterGap } from './missed-feed.ts';
import { createOutcome, isUrgent } from './outcome.ts';
import { knowsAll, processBatch } from './process-batch.ts';
import { recomputeMarked, type Recomputed } from './recompute.ts';
import { writeOutcome } from './write-outcome.ts';

/** What a drain did that others wait for. */
export interface Drained {
  /** Machines whose alarms changed: diagnose them. */
  alarmed: number[];
  /** Ranges computed again: their OEE slices must follow. */
  recomputed: Recomputed[];
}

/** Told after a commit; must not throw. */
export type Tell = (drained: Drained) => Promise<void>;

export interface FollowerOptions {
  database: Database;
  log: Log;
  /** A change that somebody waits for is written at most this often (default 2 s), anything else every `idleMs` (10 s). */
  urgentMs?: number;
  idleMs?: number;
  /** Late readings gather for this long before their machine is computed again. */
  recomputeAfterMs?: number;
}

export interface Follower {
  /**
   * Takes everything that lies in the feed; calls wait for each other. `flush` writes a checkpoint whatever its age.
   * `tell` hears of what each checkpoint did right after its commit, and the answer is what it has not heard: under load
   * there is always one more batch, and alarms that waited for the end of a drain became orders 12-24 s later.
   */
  drain(flush?: boolean, tell?: Tell): Promise<Drained>;
  /** The plant changed: it is read anew before the next batch. */
  plantChanged(): void;
}

/** A commit may become visible this long after it took its time stamp; nothing younger counts as silence. */
const commitLagMs = 5000;
/** Rows of signals that were unknown a moment ago are not worth reading the plant for again. */
const reloadMs = 10_000;

const rowsTotal = metric(
  'counter',
  'millrace_analytics_readings_total',
  'Readings that analytics has taken from the feed.',
);
const lagSeconds = metric(
  'gauge',
  'millrace_analytics_lag_seconds',
  'Age of the newest batch when analytics had processed it.',
);
const checkpointsTotal = metric('counter', 'millrace_analytics_checkpoints_total', 'Checkpoints written by analytics.');

interface Session {
  live: Live;
  /** What the database holds; the fence of the next checkpoint. */
  committed: FeedCursor;
  /** What has been processed in memory. */
  cursor: FeedCursor;
  stored_at_ms: number | null;
  written_at: number;
  scored_at: number;
}

/**
 * Follows the feed. Batches are processed in memory; from time to time everything that they changed, the memories and
 * the cursor are written in one transaction. A crash at any moment loses only what was in memory, and the same batches
 * come again from the cursor. After any failure the memory is thrown away and read back from the last checkpoint.
 */
export function createFollower(options: FollowerOptions): Follower {
  const { database, log, urgentMs = 2000, idleMs = 10_000, recomputeAfterMs = 3000 } = options;
  let session: Session | undefined;
  let plantIsOld = false;
  let loadedAt = 0;

  async function open(): Promise<Session> {
    const live = await database.withTransaction(async (connection) => {
      const plant = await loadPlant(connection);
      loadedAt = monotonic();
      plantIsOld = false;
      const position = await readPosition(connection);
      return { live: await openLive(connection, plant, await readMemory(connection), log), position };
    });
    const { cursor, stored_at_ms } = live.position;
    const opened: Session = {
      live: live.live,
      committed: cursor,
      cursor: new Map(cursor),
      stored_at_ms,
      written_at: 0,
      scored_at: 0,
    };
    await resyncAfterGap(database, opened, log);
    return opened;
  }

  /** Reads the plant anew and carries the memory over; what is unwritten must be written before. */
  async function reloadPlant(current: Session): Promise<void> {
    plantIsOld = false;
    loadedAt = monotonic();
    const plant = await loadPlant(database);
    current.live = restoreLive(plant, snapshotLive(current.live));
  }

  async function checkpoint(current: Session, drained: Drained): Promise<void> {
    const { live } = current;
    const scoresDue = monotonic() - current.scored_at >= 5000;
    const alarmed = await database.withTransaction(async (connection) => {
      await lockPosition(connection, current.committed);
      const machineIds = await writeOutcome(connection, live, current.stored_at_ms ?? 0);
      if (scoresDue) await writeScores(connection, live);
      live.outcome = createOutcome();
      drained.recomputed.push(...(await recomputeMarked(connection, live, 10, recomputeAfterMs)));
      await writePosition(
        connection,
        { cursor: current.cursor, stored_at_ms: current.stored_at_ms },
        snapshotLive(live),
      );
      return machineIds;
    });
    current.committed = new Map(current.cursor);
    current.written_at = monotonic();
    if (scoresDue) current.scored_at = current.written_at;
    checkpointsTotal.inc();
    drained.alarmed.push(...alarmed);
  }

  function isDue(current: Session): boolean {
    const age = monotonic() - current.written_at;
    return age >= idleMs || (age >= urgentMs && isUrgent(current.live.outcome));
  }

  async function drainOnce(current: Session, flush: boolean, tell: Tell | undefined): Promise<Drained> {
    const drained: Drained = { alarmed: [], recomputed: [] };
    if (plantIsOld) {
      await checkpoint(current, drained);
      await reloadPlant(current);
    }
    for (;;) {
      const [clock] = await database.query<{ now_ms: number }>(
        'select (extract(epoch from clock_timestamp()) * 1000)::float8 as now_ms',
      );
      const batches = await readFeed(database, current.cursor);
      for (const { gateway_id, sequence, stored_at_ms, readings, live_rows } of batches) {
        if (!knowsAll(current.live, readings) && monotonic() - loadedAt >= reloadMs) {
          await checkpoint(current, drained);
          await reloadPlant(current);
        }
        passTime(current.live, stored_at_ms - commitLagMs);
        processBatch(current.live, readings, live_rows, stored_at_ms);
        current.cursor.set(gateway_id, sequence);
        current.stored_at_ms = Math.max(current.stored_at_ms ?? 0, stored_at_ms);
        rowsTotal.inc(readings.length);
      }
      if (batches.length === 0 && clock !== undefined) {
        current.stored_at_ms = Math.max(current.stored_at_ms ?? 0, clock.now_ms - commitLagMs);
        passTime(current.live, current.stored_at_ms);
      }
      if (clock !== undefined && current.stored_at_ms !== null)
        lagSeconds.set(Math.max(0, clock.now_ms - current.stored_at_ms) / 1000);
      if (isDue(current)) await checkpoint(current, drained);
      if (drained.alarmed.length + drained.recomputed.length > 0 && tell !== undefined)
        await tell({ alarmed: drained.alarmed.splice(0), recomputed: drained.recomputed.splice(0) });
      if (batches.length === 0) break;
    }
    if (flush) await checkpoint(current, drained);
    return drained;
  }

  async function drain(flush: boolean, tell: Tell | undefined): Promise<Drained> {
    try {
      session ??= await open();
      return await drainOnce(session, flush, tell);
    } catch (error) {
      session = undefined;
      throw error;
    }
  }

  // One at a time, also when a queue hands a job out twice.
  let last: Promise<unknown> = Promise.resolve();
  return {
    drain(flush = false, tell) {
      const next = last.catch(() => undefined).then(() => drain(flush, tell));
      last = next;
      return next;
    },
    plantChanged() {
      plantIsOld = true;
    },
  };
}
