import type { Database } from '../../core/database.ts';
import type { FeedCursor } from '../../core/feed.ts';
import type { Log } from '../../core/log.ts';
import { Role } from '../plant.ts';
import { lockPosition, writePosition } from './checkpoint.ts';
import { type Live, snapshotLive } from './live.ts';

/** Without any memory, rebuilding begins this long before the first batch that is still in the feed. */
const rebuildHours = 24;

/**
 * When batches were deleted from the feed before this follower took them (analytics was away for longer than the feed
 * is kept), states and counts of that time are rebuilt from `reading`: every signal is set to its newest reading before
 * the first remaining batch, the cursor moves there, and each machine's gap is marked to be computed again. Limit alarms
 * and anomalies of the gap are not raised afterwards: nobody can act on them any more.
 */
export async function resyncAfterGap(
  database: Database,
  session: { live: Live; committed: FeedCursor; cursor: FeedCursor; stored_at_ms: number | null },
  log: Log,
): Promise<void> {
  const horizons = await database.query<{ gateway_id: number; sequence: number; stored_at_ms: number }>(
    'select gateway_id, sequence, (extract(epoch from stored_at) * 1000)::float8 as stored_at_ms from feed_horizon',
  );
  const missed = horizons.filter(({ gateway_id, sequence }) => (session.committed.get(gateway_id) ?? 0) < sequence);
  if (missed.length === 0) return;
  const { live } = session;
  const untilMs = Math.max(...missed.map((horizon) => horizon.stored_at_ms));
  log.warn({ to_ms: untilMs }, 'the feed was pruned before analytics took it; rebuilding from the readings');
  // Source times may lag behind the times of storing, so each machine's gap begins where it was last heard.
  const marks = live.machines.map(({ machine_id, states }) => {
    const from_us = states.heard_us ?? (untilMs - rebuildHours * 3600e3) * 1000;
    return { machine_id, from_us, to_us: from_us };
  });

  const newest = await database.query<{ signal_id: number; time_us: number; value: number | null }>(
    `select s.signal_id, (extract(epoch from r.time) * 1e6)::float8 as time_us, r.value
       from signal s
      cross join lateral (select time, value from reading
                           where signal_id = s.signal_id and quality in (64, 192) and time <= to_timestamp($1::float8 / 1000)
                           order by time desc limit 1) r`,
    [untilMs],
  );
  for (const { signal_id, time_us, value } of newest) {
    const slot = live.plant.slot_of[signal_id] ?? -1;
    const signal = live.plant.signals[slot];
    const memory = signal === undefined ? undefined : live.machines[signal.machine];
    const mark = signal === undefined ? undefined : marks[signal.machine];
    if (signal === undefined || memory === undefined || mark === undefined || time_us <= (live.last_us[slot] ?? 0))
      continue;
    live.last_us[slot] = time_us;
    mark.to_us = Math.max(mark.to_us, time_us);
    memory.states.heard_us ??= time_us;
    if (signal.role === Role.counter || signal.role === Role.fault) live.counter_value[slot] = value ?? Number.NaN;
    if (signal.role === Role.counter) live.counter_us[slot] = time_us;
    if (signal.role === Role.order) memory.order = value ?? 0;
  }
  for (const { gateway_id, sequence } of missed) session.cursor.set(gateway_id, sequence);
  session.stored_at_ms = Math.max(session.stored_at_ms ?? 0, untilMs);
  await database.withTransaction(async (connection) => {
    await lockPosition(connection, session.committed);
    const gaps = marks.filter((mark) => mark.to_us > mark.from_us);
    await connection.query(
      `insert into machine_recompute (machine_id, from_time, to_time)
       select machine_id, to_timestamp(from_us / 1e6), to_timestamp(to_us / 1e6)
         from unnest($1::int[], $2::float8[], $3::float8[]) as gap(machine_id, from_us, to_us)`,
      [gaps.map((gap) => gap.machine_id), gaps.map((gap) => gap.from_us), gaps.map((gap) => gap.to_us)],
    );
    await writePosition(connection, { cursor: session.cursor, stored_at_ms: session.stored_at_ms }, snapshotLive(live));
  });
  session.committed = new Map(session.cursor);
}
