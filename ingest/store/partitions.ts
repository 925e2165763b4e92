import { toTimestamp } from '../../core/clock.ts';
import type { Connection } from '../../core/database.ts';
import type { ReadingColumns } from '../../core/reading-columns.ts';
import type { SequencedEntry } from './batch.ts';

const dayUs = 86_400_000_000;

export interface Partitions {
  /** Makes sure that every UTC day in the entries can be written. In a transaction of its own: attaching a partition takes a lock. */
  ensure(connection: Connection, entries: readonly SequencedEntry[]): Promise<void>;
  /** The same for rows, within the caller's transaction. */
  ensureRows(connection: Connection, columns: ReadingColumns): Promise<void>;
  committed(): void;
  /** After a failure: a partition may have been dropped since it was seen. */
  forget(): void;
}

/** Days that are known to have a partition; on TimescaleDB the call answers without doing anything. */
export function createPartitions(): Partitions {
  const known = new Set<number>();
  let fresh: number[] = [];

  async function ensureDays(connection: Connection, days: Set<number>): Promise<void> {
    const missing = [...days].filter((day) => !known.has(day)).sort((left, right) => left - right);
    for (let index = 0; index < missing.length; ) {
      const first = missing[index] ?? 0;
      let last = first;
      while (missing[index + 1] === last + 1 && last - first < 1000) {
        last++;
        index++;
      }
      index++;
      await connection.query('call ensure_reading_partitions($1::timestamptz, $2::timestamptz)', [
        toTimestamp((first * dayUs) / 1000),
        toTimestamp((last * dayUs) / 1000),
      ]);
    }
    fresh.push(...missing);
  }

  function addDays(days: Set<number>, columns: ReadingColumns): void {
    let lastDay = Number.NaN;
    for (let row = 0; row < columns.length; row++) {
      const day = Math.floor((columns.time_us[row] ?? 0) / dayUs);
      if (day !== lastDay) days.add(day);
      lastDay = day;
    }
  }

  return {
    async ensure(connection, entries) {
      const days = new Set<number>();
      for (const { entry } of entries) {
        for (const source of entry.sources) {
          addDays(days, source.live);
          addDays(days, source.historical);
          for (const { time_us } of source.texts) days.add(Math.floor(time_us / dayUs));
        }
      }
      await ensureDays(connection, days);
      for (const day of fresh) known.add(day);
      fresh = [];
    },
    async ensureRows(connection, columns) {
      const days = new Set<number>();
      addDays(days, columns);
      await ensureDays(connection, days);
    },
    committed() {
      for (const day of fresh) known.add(day);
      fresh = [];
    },
    forget() {
      known.clear();
      fresh = [];
    },
  };
}
