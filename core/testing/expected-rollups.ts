import type { Connection } from '../database.ts';
import { isUsable, Quality } from '../reading.ts';

export const rollupLevels = ['1m', '1h', '1d', '1mo'] as const;
export type RollupLevel = (typeof rollupLevels)[number];

interface Rollup {
  signal_id: number;
  /** Start of the bucket, milliseconds since the epoch. */
  bucket_ms: number;
  sum: number | null;
  count: number;
  min: number | null;
  max: number | null;
  first: number | null;
  last: number | null;
  good_count: number;
  bad_count: number;
}

interface StoredReading {
  signal_id: number;
  time_ms: number;
  value: number | null;
  quality: number;
}

/**
 * The differences between the stored rollups and what the stored readings say, computed here, straight from the readings
 * for every level, with nothing of the database's own arithmetic. Sums may differ by 1e-9 of their size, because they
 * depend on the order of addition. Empty when all is well.
 */
export async function compareRollups(connection: Connection): Promise<string[]> {
  const readings = await connection.query<StoredReading>(
    `select signal_id, (extract(epoch from time) * 1000)::float8 as time_ms, value, quality from reading order by time`,
  );
  const differences: string[] = [];
  for (const level of rollupLevels) {
    const expected = rollUp(readings, level);
    const stored = await connection.query<Rollup>(
      `select signal_id, (extract(epoch from bucket) * 1000)::float8 as bucket_ms,
              sum, count, min, max, first, last, good_count, bad_count from reading_${level}`,
    );
    for (const rollup of stored) {
      const key = keyOf(rollup.signal_id, rollup.bucket_ms);
      const right = expected.get(key);
      if (right === undefined || !isSame(rollup, right)) {
        differences.push(`${level}: stored ${JSON.stringify(rollup)}, right is ${JSON.stringify(right ?? null)}`);
      }
      expected.delete(key);
    }
    for (const missing of expected.values()) differences.push(`${level}: missing is ${JSON.stringify(missing)}`);
  }
  return differences;
}

/** Readings in order of time, rolled up into the UTC buckets of one level. */
function rollUp(readings: readonly StoredReading[], level: RollupLevel): Map<string, Rollup> {
  const rollups = new Map<string, Rollup>();
  for (const { signal_id, time_ms, value, quality } of readings) {
    const bucket_ms = bucketStart(time_ms, level);
    const key = keyOf(signal_id, bucket_ms);
    let rollup = rollups.get(key);
    if (rollup === undefined) {
      rollup = {
        signal_id,
        bucket_ms,
        sum: null,
        count: 0,
        min: null,
        max: null,
        first: null,
        last: null,
        good_count: 0,
        bad_count: 0,
      };
      rollups.set(key, rollup);
    }
    if (value === null || !isUsable(quality)) {
      rollup.bad_count++;
      continue;
    }
    rollup.count++;
    if (quality === Quality.good) rollup.good_count++;
    rollup.sum = (rollup.sum ?? 0) + value;
    rollup.min = Math.min(rollup.min ?? value, value);
    rollup.max = Math.max(rollup.max ?? value, value);
    rollup.first ??= value;
    rollup.last = value;
  }
  return rollups;
}

function bucketStart(timeMs: number, level: RollupLevel): number {
  const date = new Date(timeMs);
  if (level === '1mo') return Date.UTC(date.getUTCFullYear(), date.getUTCMonth(), 1);
  const width = { '1m': 60_000, '1h': 3_600_000, '1d': 86_400_000 }[level];
  return Math.floor(timeMs / width) * width;
}

function keyOf(signalId: number, bucketMs: number): string {
  return `${signalId} ${bucketMs}`;
}

function isSame(left: Rollup, right: Rollup): boolean {
  const { sum: leftSum, ...leftRest } = left;
  const { sum: rightSum, ...rightRest } = right;
  if (leftSum === null || rightSum === null) return leftSum === rightSum && isSameRest(leftRest, rightRest);
  const tolerance = 1e-9 * Math.max(Math.abs(leftSum), Math.abs(rightSum), 1);
  return Math.abs(leftSum - rightSum) <= tolerance && isSameRest(leftRest, rightRest);
}

function isSameRest(left: Omit<Rollup, 'sum'>, right: Omit<Rollup, 'sum'>): boolean {
  return (Object.keys(left) as (keyof Omit<Rollup, 'sum'>)[]).every((name) => left[name] === right[name]);
}
