/**
 * What the publishers send: for each tick one value of every signal, a random walk in hundredths between 100.00 and
 * 999.99, as a slow sensor with two digits after the point gives it. Everything follows from the seed and the tick.
 */
export interface Workload {
  signal_ids: Int32Array;
  /** The present values in hundredths. */
  hundredths: Int32Array;
  /** Moves every signal on by one tick and adds the tick's readings to the checksum. */
  step(timeMs: number): void;
  readonly checksum: bigint;
  readonly readings: number;
  reset(): void;
}

const least = 10_000;
const most = 99_999;

export function createWorkload(signalIds: readonly number[], seed: number): Workload {
  const signal_ids = Int32Array.from(signalIds);
  const hundredths = new Int32Array(signal_ids.length);
  let state = seed | 1;
  for (let index = 0; index < hundredths.length; index++) hundredths[index] = 20_000 + ((index * 7919) % 60_000);
  let checksum = 0n;
  let readings = 0;
  return {
    signal_ids,
    hundredths,
    get checksum() {
      return checksum;
    },
    get readings() {
      return readings;
    },
    step(timeMs) {
      let sum = 0;
      const time = timeMs % 1_000_003;
      for (let index = 0; index < hundredths.length; index++) {
        state ^= state << 13;
        state ^= state >>> 17;
        state ^= state << 5;
        const moved = (hundredths[index] ?? 0) + ((state >>> 8) % 3) - 1;
        const value = moved < least ? least : moved > most ? most : moved;
        hundredths[index] = value;
        sum += (((signal_ids[index] ?? 0) * 1_000_003 + time) % 1_048_573) * ((value + 7) % 65_521);
      }
      // Of one tick the sum stays below 2^53 for up to 130,000 signals.
      checksum += BigInt(sum);
      readings += hundredths.length;
    },
    reset() {
      checksum = 0n;
      readings = 0;
    },
  };
}

/**
 * The same checksum over stored readings, in SQL: a hash of signal, time and value for each row, summed, so that a row
 * that is missing, doubled or changed shows, in whatever order rows stand.
 */
export const checksumSql = `coalesce(sum(((signal_id::int8 * 1000003 + (extract(epoch from time) * 1000)::int8 % 1000003) % 1048573)
   * ((round(value * 100)::int8 + 7) % 65521)), 0)::text`;
