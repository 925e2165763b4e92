import type { Series } from '../../api/schemas/reading.ts';

/** What a trend draws: columns of equal length, times in seconds since the epoch, ascending and unique; null is a gap. */
export interface TrendColumns {
  time: number[];
  min: (number | null)[];
  max: (number | null)[];
  avg: (number | null)[];
  /** Readings in the row, so that a live reading can be averaged into the newest bucket. */
  count: number[];
  /** Times at which readings were left out because they were bad or stale. */
  bad: number[];
  bucket_seconds: number | null;
}

export function columnsOf(series: Series): TrendColumns {
  return {
    time: series.time_ms.map((ms) => ms / 1000),
    min: [...series.min],
    max: [...series.max],
    avg: [...series.avg],
    count: [...series.count],
    bad: series.time_ms.filter((_, at) => (series.bad_count[at] ?? 0) > 0).map((ms) => ms / 1000),
    bucket_seconds: series.bucket_seconds,
  };
}

/** A signal silent for longer than this many expected intervals has a gap, as in the series of the server. */
const gapIntervals = 5;

/**
 * Adds one live reading to the columns, in place: a row of its own in a raw series, else averaged into its bucket.
 * Out of order readings are left to the next question to the server. Returns whether anything changed.
 */
export function appendReading(
  columns: TrendColumns,
  reading: { time: number; value: number | null; quality: number },
  expectedIntervalSeconds: number,
): boolean {
  const usable = reading.quality === 192 || reading.quality === 64;
  const value = usable ? reading.value : null;
  const newest = columns.time.at(-1) ?? Number.NEGATIVE_INFINITY;
  const bucket = columns.bucket_seconds;
  if (bucket === null) {
    if (reading.time <= newest) return false;
    if (reading.time - newest > gapIntervals * expectedIntervalSeconds && Number.isFinite(newest))
      push(columns, newest + expectedIntervalSeconds, null);
    push(columns, reading.time, value);
  } else {
    const start = Math.floor(reading.time / bucket) * bucket;
    if (start < newest) return false;
    if (start > newest) {
      if (start - newest > bucket && Number.isFinite(newest)) push(columns, newest + bucket, null);
      push(columns, start, value);
    } else if (value !== null) {
      const at = columns.time.length - 1;
      const count = columns.count[at] ?? 0;
      columns.avg[at] = ((columns.avg[at] ?? 0) * count + value) / (count + 1);
      columns.min[at] = Math.min(columns.min[at] ?? value, value);
      columns.max[at] = Math.max(columns.max[at] ?? value, value);
      columns.count[at] = count + 1;
    }
  }
  if (!usable) columns.bad.push(reading.time);
  return true;
}

/** Forgets rows older than `fromSeconds`, in place, but keeps the last one before it, so that a line enters from the left. */
export function forgetBefore(columns: TrendColumns, fromSeconds: number): void {
  const first = columns.time.findIndex((time) => time >= fromSeconds);
  const drop = (first === -1 ? columns.time.length : first) - 1;
  if (drop <= 0) return;
  for (const column of [columns.time, columns.min, columns.max, columns.avg, columns.count]) column.splice(0, drop);
  columns.bad = columns.bad.filter((time) => time >= fromSeconds);
}

/**
 * Adds to a fresh answer, in place, the raw readings that the stream brought while it was on its way; without them a
 * slow answer would leave a gap that the machine never made. Buckets hold them already, or with the next answer.
 */
export function continueWith(answer: TrendColumns, before: TrendColumns): void {
  if (answer.bucket_seconds !== null || before.bucket_seconds !== null) return;
  const newest = answer.time.at(-1) ?? Number.POSITIVE_INFINITY;
  for (const [at, time] of before.time.entries()) if (time > newest) push(answer, time, before.avg[at] ?? null);
  answer.bad.push(...before.bad.filter((time) => time > newest));
}

/**
 * From when on nothing is known at `end`, in seconds: since the last usable value, when that is longer ago than
 * `patience`; since `from` without any; null while values come.
 */
export function silentSince(columns: TrendColumns, from: number, end: number, patience: number): number | null {
  const last = columns.time[columns.avg.findLastIndex((value) => value !== null)];
  if (last === undefined) return from;
  return end - last > patience ? last : null;
}

/** Stretches without usable values between two usable ones, as [from, to] in seconds. */
export function gapsOf(columns: TrendColumns): [number, number][] {
  const gaps: [number, number][] = [];
  let lastKnown: number | null = null;
  let open = false;
  for (const [at, time] of columns.time.entries()) {
    if (columns.avg[at] === null) {
      open = true;
      continue;
    }
    if (open && lastKnown !== null) gaps.push([lastKnown, time]);
    open = false;
    lastKnown = time;
  }
  return gaps;
}

export interface Limits {
  limit_low_low: number | null;
  limit_low: number | null;
  limit_high: number | null;
  limit_high_high: number | null;
}

/**
 * The vertical range of a trend: the data, widened to at least a tenth of the span between the limits so that noise does
 * not fill the frame, and to those limits that are near, so that one sees how far it is to them.
 */
export function verticalRange(low: number | null, high: number | null, limits: Limits): [number, number] {
  const known = [limits.limit_low_low, limits.limit_low, limits.limit_high, limits.limit_high_high].filter(
    (limit) => limit !== null,
  );
  if (low === null || high === null) {
    if (known.length === 0) return [0, 1];
    return pad(Math.min(...known), Math.max(...known));
  }
  const span = known.length >= 2 ? Math.max(...known) - Math.min(...known) : Math.abs(high) || 1;
  const reach = Math.max(high - low, span * 0.1);
  const middle = (low + high) / 2;
  let [bottom, top] = [Math.min(low, middle - reach / 2), Math.max(high, middle + reach / 2)];
  for (const limit of known) {
    if (limit > high && limit - high <= reach) top = Math.max(top, limit);
    if (limit < low && low - limit <= reach) bottom = Math.min(bottom, limit);
  }
  return pad(bottom, top);
}

function pad(bottom: number, top: number): [number, number] {
  const margin = (top - bottom || Math.abs(top) || 1) * 0.06;
  return [bottom - margin, top + margin];
}

function push(columns: TrendColumns, time: number, value: number | null): void {
  columns.time.push(time);
  columns.min.push(value);
  columns.max.push(value);
  columns.avg.push(value);
  columns.count.push(value === null ? 0 : 1);
}
