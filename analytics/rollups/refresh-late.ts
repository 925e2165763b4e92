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

/**
 * Refreshes exactly the buckets that late readings touched. The notes are deleted only after their buckets are right, so
 * that a crash repeats work instead of losing it; notes written meanwhile have other ids and wait for the next round.
 * Answers how many notes were worked off. The machines' states and OEE are recomputed by the follower, which meets the
 * same late readings in the feed.
 */
export async function refreshLate(database: Database, atMost = 500): Promise<number> {
  const notes = await database.query<TimeRange & { late_range_id: number }>(
    `select late_range_id, (extract(epoch from from_time) * 1000)::float8 as from_ms, (extract(epoch from to_time) * 1000)::float8 as to_ms
       from late_range order by late_range_id limit $1`,
    [atMost],
  );
  for (const { from_ms, to_ms } of mergeRanges(notes)) await refresh(database, from_ms, to_ms);
  if (notes.length > 0) {
    await database.query('delete from late_range where late_range_id = any($1::int8[])', [
      notes.map((note) => note.late_range_id),
    ]);
  }
  return notes.length;
}
