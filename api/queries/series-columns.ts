import type { Series } from '../schemas/reading.ts';
import { toFinite } from './row.ts';

/** A bucket width and the rollup it is built from. */
export interface Bucket {
  seconds: number;
  from: '1m' | '1h' | '1d';
}

// Widths divide a UTC day (weeks start on a Thursday, as the epoch does), so that the same range always gives the same
// buckets. Steps of three to five keep a picture within a factor of five of what was asked for.
const widths: readonly Bucket[] = [
  { seconds: 60, from: '1m' },
  { seconds: 300, from: '1m' },
  { seconds: 900, from: '1m' },
  { seconds: 3600, from: '1h' },
  { seconds: 14_400, from: '1h' },
  { seconds: 43_200, from: '1h' },
  { seconds: 86_400, from: '1d' },
  { seconds: 604_800, from: '1d' },
];
const widest: Bucket = { seconds: 30 * 86_400, from: '1d' };

/** The finest width that cuts a span into at most `most` buckets. */
export function chooseBucket(spanSeconds: number, most: number): Bucket {
  return widths.find(({ seconds }) => spanSeconds / seconds <= most) ?? widest;
}

export interface RawRow {
  time_ms: number;
  /** Null: bad, stale or empty. */
  value: number | null;
}
export interface BucketRow {
  time_ms: number;
  sum: number | null;
  count: number;
  min: number | null;
  max: number | null;
  last: number | null;
  bad_count: number;
}

type Columns = Pick<Series, 'time_ms' | 'min' | 'avg' | 'max' | 'last' | 'count' | 'bad_count'>;

function emptyColumns(): Columns {
  return { time_ms: [], min: [], avg: [], max: [], last: [], count: [], bad_count: [] };
}

function pushGap(columns: Columns, timeMs: number, badCount: number): void {
  columns.time_ms.push(timeMs);
  columns.min.push(null);
  columns.avg.push(null);
  columns.max.push(null);
  columns.last.push(null);
  columns.count.push(0);
  columns.bad_count.push(badCount);
}

/**
 * Readings as columns. After a silence longer than `silenceMs` (also up to `endMs`) stands a row of nulls one
 * millisecond behind the last reading, so that no line is drawn across it; null means that silence is normal.
 */
export function mergeRaw(rows: readonly RawRow[], options: { silenceMs: number | null; endMs: number }): Columns {
  const columns = emptyColumns();
  const { silenceMs, endMs } = options;
  for (const [index, { time_ms: timeMs, value }] of rows.entries()) {
    const usable = toFinite(value);
    if (usable === null) {
      pushGap(columns, timeMs, 1);
    } else {
      columns.time_ms.push(timeMs);
      columns.min.push(usable);
      columns.avg.push(usable);
      columns.max.push(usable);
      columns.last.push(usable);
      columns.count.push(1);
      columns.bad_count.push(0);
    }
    const nextMs = rows[index + 1]?.time_ms ?? endMs;
    if (silenceMs !== null && nextMs - timeMs > silenceMs) pushGap(columns, timeMs + 1, 0);
  }
  return columns;
}

/** Buckets as columns; the first of consecutive missing ones is a row of nulls, also after the last up to `endMs`. */
export function mergeBuckets(rows: readonly BucketRow[], options: { widthMs: number; endMs: number }): Columns {
  const columns = emptyColumns();
  const { widthMs, endMs } = options;
  for (const [index, row] of rows.entries()) {
    if (row.count === 0 || row.sum === null) {
      pushGap(columns, row.time_ms, row.bad_count);
    } else {
      columns.time_ms.push(row.time_ms);
      columns.min.push(toFinite(row.min));
      columns.avg.push(toFinite(row.sum / row.count));
      columns.max.push(toFinite(row.max));
      columns.last.push(toFinite(row.last));
      columns.count.push(row.count);
      columns.bad_count.push(row.bad_count);
    }
    const expectedMs = row.time_ms + widthMs;
    const nextMs = rows[index + 1]?.time_ms ?? endMs;
    if (nextMs - expectedMs >= (rows[index + 1] === undefined ? widthMs : 1)) pushGap(columns, expectedMs, 0);
  }
  return columns;
}
