import type { Clock } from '../core/clock.ts';
import type { Database } from '../core/database.ts';
import type { Log } from '../core/log.ts';
import type { Queues } from '../core/queues.ts';
import { endShelves } from './alarms/end-shelves.ts';
import { watchSilence } from './alarms/stale-machines.ts';
import { diagnoseMachine, machinesToDiagnose } from './diagnosis/diagnose-machine.ts';
import type { Drained, Follower } from './feed/follow-feed.ts';
import { pruneFeed } from './feed/prune-feed.ts';
import { raiseWorkOrder } from './maintenance/raise-work-order.ts';
import { cancelCleared, faultsToBring } from './maintenance/sweep-work-orders.ts';
import { writeShiftInstances } from './oee/shift-instances.ts';
import { readMarkedSlices, writeSlices } from './oee/write-slices.ts';
import { writeReliability } from './reliability/write-reliability.ts';
import { dueHour, markHour, reconcileRollups } from './rollups/reconcile.ts';
import { refreshLate } from './rollups/refresh-late.ts';
import { databaseNow, refreshRecent } from './rollups/refresh-recent.ts';

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
const dayMs = 24 * hourMs;

export interface AnswerContext {
  database: Database;
  queues: Queues;
  follower: Follower;
  clock: Clock;
  log: Log;
  rawRetentionDays: number;
  /** Counts the changes of the plant's master data. */
  plantVersion: () => number;
}

/** Answers every queue of analytics, with its sweep. Each handler may run again at any time without doing harm. */
export function answerQueues(context: AnswerContext): void {
  const { database, queues, follower } = context;
  const tell = async (drained: Drained): Promise<void> => ringAfter(queues, drained);
  queues.answer('readings', async () => tell(await follower.drain(false, tell)), { sweepMs: 2000 });
  queues.answer('oee', answerOee(context), { sweepMs: 5000 });
  queues.answer(
    'diagnosis',
    async ({ machine_id }) => {
      if (machine_id === undefined) {
        await endShelves(database);
        await watchSilence(database);
      }
      const machines = machine_id === undefined ? await machinesToDiagnose(database) : [machine_id];
      for (const machine of machines) {
        for (const faultId of await diagnoseMachine(database, machine)) {
          await queues.ring('maintenance', `fault ${faultId}`, { fault_id: faultId });
        }
      }
    },
    { sweepMs: 15_000 },
  );
  queues.answer(
    'maintenance',
    async ({ fault_id }) => {
      const faults = fault_id === undefined ? await faultsToBring(database) : [fault_id];
      for (const fault of faults) await raiseWorkOrder(database, fault);
      if (fault_id === undefined) await cancelCleared(database);
    },
    { sweepMs: 15_000 },
  );
  queues.answer('reliability', async () => writeReliability(database, context.clock()), { sweepMs: 2 * minuteMs });
  queues.answer('rollups', answerRollups(context), { sweepMs: 10_000 });
}

/** Rings for what a drain of the feed found. */
export async function ringAfter(queues: Queues, { alarmed, recomputed }: Drained): Promise<void> {
  for (const machine of new Set(alarmed)) await queues.ring('diagnosis', `machine ${machine}`, { machine_id: machine });
  for (const { machine_id, from_us, to_us } of recomputed) {
    const payload = { machine_ids: [machine_id], from_ms: from_us / 1000, to_ms: to_us / 1000 };
    await queues.ring('oee', `machine ${machine_id} ${from_us}`, payload);
  }
}

/** Computes the slices of a range that is asked for; without one it sweeps for those that are not finished or marked. */
export function answerOee({
  database,
  clock,
  plantVersion,
}: Pick<AnswerContext, 'database' | 'clock' | 'plantVersion'>): (payload: {
  machine_ids?: number[] | undefined;
  from_ms?: number | undefined;
  to_ms?: number | undefined;
}) => Promise<void> {
  let expandedAt = Number.NEGATIVE_INFINITY;
  let expandedVersion = -1;
  let lookedBackAt = Number.NEGATIVE_INFINITY;
  return async ({ machine_ids, from_ms, to_ms }) => {
    const nowMs = clock();
    if (machine_ids !== undefined && from_ms !== undefined && to_ms !== undefined) {
      await writeShiftInstances(database, from_ms, to_ms, nowMs);
      await writeSlices(database, { from_ms, to_ms, machine_ids });
      return;
    }
    if (nowMs - expandedAt >= hourMs || expandedVersion !== plantVersion()) {
      expandedVersion = plantVersion();
      await writeShiftInstances(database, nowMs - 4 * dayMs, nowMs + 3 * dayMs, nowMs);
      expandedAt = nowMs;
    }
    // Slices that were not finished when their hour ended (analytics away, late data) are looked for more rarely.
    const lookBack = nowMs - lookedBackAt >= 5 * minuteMs;
    await writeSlices(database, { from_ms: nowMs - (lookBack ? 3 * dayMs : 2 * hourMs), to_ms: nowMs });
    if (!lookBack) return;
    for (const marked of await readMarkedSlices(database)) await writeSlices(database, marked);
    lookedBackAt = nowMs;
  };
}

function answerRollups(context: AnswerContext): () => Promise<void> {
  const { database, clock, log } = context;
  let refreshedTo: number | undefined;
  let prunedAt = Number.NEGATIVE_INFINITY;
  return async () => {
    const nowMs = clock();
    // By the clock that the store tells late readings by, so that none falls between the two.
    refreshedTo = await refreshRecent(database, await databaseNow(database), refreshedTo);
    await refreshLate(database);
    if (nowMs - prunedAt >= minuteMs) {
      await pruneFeed(database);
      prunedAt = nowMs;
    }
    const hourStart = await dueHour(database, nowMs);
    if (hourStart === null) return;
    if (hourStart % dayMs === 0) {
      await database.query('call set_raw_retention($1)', [context.rawRetentionDays]);
      await database.query('select drop_expired_readings()');
    }
    const differing = await reconcileRollups(database, hourStart, hourStart + hourMs);
    if (differing > 0) {
      log.error({ buckets: differing, from_ms: hourStart }, 'rollups differed from the readings and were repaired');
    }
    await markHour(database, hourStart);
  };
}
