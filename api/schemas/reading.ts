import { z } from 'zod';
import { id, pageOf, pageQuery, qualityName, timestamp, timestampInput } from './common.ts';

/** Raw readings of one signal, oldest first. */
export const reading = z.object({
  time: timestamp,
  value: z.number().nullable(),
  /** Only for signals that speak text. */
  text: z.string().nullable(),
  quality: qualityName,
});
export type Reading = z.output<typeof reading>;
export const readingPage = pageOf(reading);
export type ReadingPage = z.output<typeof readingPage>;

export const readingsQuery = pageQuery.extend({ from: timestampInput.optional(), to: timestampInput.optional() });
export type ReadingsQuery = z.input<typeof readingsQuery>;

export const seriesQuery = z.object({
  /** Default: one hour before `to`. */
  from: timestampInput.optional(),
  /** Default: now. Exclusive. */
  to: timestampInput.optional(),
  /** About how many points the caller can draw; the finest resolution with at most twice as many is chosen. */
  points: z.coerce.number<number | string>().int().min(10).max(10_000).default(1000),
});
export type SeriesQuery = z.input<typeof seriesQuery>;

/**
 * One signal over a range, as columns of equal length (docs/decisions/series-columns.md).
 * `resolution` says what a row is: one reading ('raw') or one bucket of `bucket_seconds`.
 * A raw row whose quality is bad or stale has null values: a gap, never a flat line. A bucket without usable readings
 * is null in `min`, `avg`, `max` and `last`; consecutive empty buckets are given by their first only.
 * A raw series also carries a row of nulls where the signal was silent for longer than five expected intervals.
 */
export const series = z.object({
  signal_id: id,
  unit: z.string(),
  kind: z.string(),
  from: timestamp,
  to: timestamp,
  server_time: timestamp,
  resolution: z.enum(['raw', '1m', '1h', '1d']),
  bucket_seconds: z.number().nullable(),
  /** From this time on the rows were aggregated from raw readings because the rollup is not refreshed yet; null: none. */
  raw_tail_from: timestamp.nullable(),
  /** The last usable reading before `from`, so that a line or a state can start at the left edge; null: none. */
  before: z.object({ time: timestamp, value: z.number().nullable() }).nullable(),
  time_ms: z.array(z.number()).describe('Milliseconds since 1970-01-01T00:00:00Z, ascending and unique'),
  min: z.array(z.number().nullable()),
  avg: z.array(z.number().nullable()),
  max: z.array(z.number().nullable()),
  last: z.array(z.number().nullable()),
  /** Usable readings in the row. */
  count: z.array(z.int()),
  /** Readings left out of the row because they were bad, stale or empty. */
  bad_count: z.array(z.int()),
});
export type Series = z.output<typeof series>;
