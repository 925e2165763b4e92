/**
 * Array literals for `unnest`, written by hand: pg's own serializer costs three times as much (docs/decisions), and it
 * has no way to say that NaN means NULL.
 */
export function numberArray(values: Iterable<number | null>): string {
  const parts: string[] = [];
  for (const value of values) parts.push(value === null || Number.isNaN(value) ? 'NULL' : String(value));
  return `{${parts.join(',')}}`;
}

/** Times in µs since the epoch for `epochTimes`; those that a timestamptz cannot hold (or that nobody knows) are NULL. */
export function timeArray(values: Iterable<number>): string {
  const parts: string[] = [];
  for (const value of values) parts.push(Number.isInteger(value) && Math.abs(value) <= 6e16 ? String(value) : 'NULL');
  return `{${parts.join(',')}}`;
}

/** SQL for the timestamptz of a bigint of microseconds since the Unix epoch; exact, unlike to_timestamp. */
export const epochTime = (us: string): string => `(timestamptz 'epoch' + ${us} * interval '1 microsecond')`;
