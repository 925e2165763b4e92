import type { Database } from '../../core/database.ts';
import { refresh } from './refresh-recent.ts';

export interface TimeRange {
  from_ms: number;
  to_ms: number;
}

const minuteMs = 60_000;

/** Ranges that overlap, or lie within one minute of each other, as one; whole minutes. */
export function mergeRanges(ranges: readonly TimeRange[]): TimeRange[] {
  const merged: TimeRange[] = [];
  for (const { from_ms, to_ms } of ranges.toSorted((a, b) => a.from_ms - b.from_ms)) {
    const from = Math.floor(from_ms / minuteMs) * minuteMs;
    const to = Math.floor(to_ms / minuteMs) * minuteMs + minuteMs - 1;
    const last = merged.at(-1);
    if (last !== undefined && from <= last.to_ms + minuteMs) last.to_ms = Math.max(last.to_ms, to);
    else merged.push({ from_ms: from, to_ms: to });
  }
  return merged;
}

/** About so many minutes of signals are refreshed in one transaction: 0.2 ms each, while live refreshes wait. */
const mostMinutes = 5000;

interface Note extends TimeRange {
  late_range_id: number;
  minute_signal_ids: number[] | null;
  minutes: string[] | null;
}

/**
 * Refreshes exactly the buckets that late readings touched: those of the noted signals, or those of all signals where a
 * note names none. The notes are deleted only after their buckets are right, so that a crash repeats work instead of
 * losing it; notes written meanwhile have other ids and wait for the next round. Answers how many notes were worked off.
 * The machines' states and OEE are recomputed by the follower, which meets the same late readings in the feed.
 */
export async function refreshLate(database: Database, atMost = 500): Promise<number> {
  const notes = await database.query<Note>(
    `select * from (
       select late_range_id, (extract(epoch from from_time) * 1000)::float8 as from_ms, (extract(epoch from to_time) * 1000)::float8 as to_ms,
              minute_signal_ids, minutes, sum(cardinality(minutes)) over (order by late_range_id) as listed
         from late_range order by late_range_id limit $1) n
      where listed is null or listed - coalesce(cardinality(minutes), 0) < $2 order by late_range_id`,
    [atMost, mostMinutes],
  );
  const whole = notes.filter((note) => note.minutes === null);
  for (const { from_ms, to_ms } of mergeRanges(whole)) await refresh(database, from_ms, to_ms);
  const signals = notes.flatMap((note) => note.minute_signal_ids ?? []);
  if (signals.length > 0) {
    await refreshMinutes(
      database,
      signals,
      notes.flatMap((note) => note.minutes ?? []),
    );
  }
  if (notes.length > 0) {
    await database.query('delete from late_range where late_range_id = any($1::int8[])', [
      notes.map((note) => note.late_range_id),
    ]);
  }
  return notes.length;
}

/**
 * A release of TimescaleDB that no longer lets anybody write into an aggregate's own table (feature_not_supported) costs
 * speed, not right rollups: the minutes are then refreshed for all signals.
 */
async function refreshMinutes(database: Database, signals: number[], minutes: string[]): Promise<void> {
  try {
    await database.query('call refresh_rollup_minutes($1::int[], $2::timestamptz[])', [signals, minutes]);
  } catch (error) {
    if ((error as { code?: unknown }).code !== '0A000') throw error;
    const ranges = minutes.map((minute) => ({ from_ms: Date.parse(minute), to_ms: Date.parse(minute) }));
    for (const { from_ms, to_ms } of mergeRanges(ranges)) await refresh(database, from_ms, to_ms);
  }
}
