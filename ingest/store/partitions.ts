import { toTimestamp } from '../../core/clock.ts';
import type { Connection } from '../../core/database.ts';
import type { ReadingColumns } from '../../core/reading-columns.ts';
import type { SequencedEntry } from './batch.ts';

const dayUs = 86_400_000_000;

/**
 * So many days beyond the raw retention are given room at once; what comes for a further one is rejected as too old.
 * Recordings of former years can so be replayed (and are dropped in the night), but a sender of random
 * times cannot make a partition of each of the 13,400 days since 1990.
 */
export const mostOldDays = 400;

export interface Partitions {
  /** Makes sure that every UTC day in the entries can be written. In a transaction of its own: attaching a partition takes a lock. */
  ensure(connection: Connection, entries: readonly SequencedEntry[]): Promise<void>;
  /** The same for rows, within the caller's transaction. */
  ensureRows(connection: Connection, columns: ReadingColumns): Promise<void>;
  /** Whether the last call of ensure or ensureRows found days that get no room. */
  readonly refusesDays: boolean;
  /** Why a reading of this time gets no room, by the last call of ensure or ensureRows; undefined when it may be written. */
  refusal(timeUs: number): string | undefined;
  committed(): void;
  /** After a failure: a partition may have been dropped since it was seen. */
  forget(): void;
}

/** Days that are known to have room: on plain PostgreSQL a partition, on TimescaleDB chunks, which make themselves. */
export function createPartitions(mostOld = mostOldDays): Partitions {
  const known = new Set<number>();
  const refused = new Set<number>();
  let fresh: number[] = [];

  async function ensureDays(connection: Connection, days: Set<number>): Promise<void> {
    refused.clear();
    const missing = [...days].filter((day) => !known.has(day)).sort((left, right) => left - right);
    if (missing.length === 0) return;
    const old = await refuseOldDays(connection, missing);
    const wanted = missing.filter((day) => !refused.has(day));
    for (let index = 0; index < wanted.length; ) {
      const first = wanted[index] ?? 0;
      let last = first;
      while (wanted[index + 1] === last + 1 && last - first < 1000) {
        last++;
        index++;
      }
      index++;
      await connection.query('call ensure_reading_partitions($1::timestamptz, $2::timestamptz)', [
        toTimestamp((first * dayUs) / 1000),
        toTimestamp((last * dayUs) / 1000),
      ]);
    }
    // Old days are asked for each time: the retention takes their room back every night.
    fresh.push(...wanted.filter((day) => !old.has(day)));
  }

  /** Of the missing days beyond the retention, which are answered, the newest get what room is left. */
  async function refuseOldDays(connection: Connection, missing: readonly number[]): Promise<Set<number>> {
    const [kept] = await connection.query<{ from: string; from_day: number }>(
      `select kept_from::text as from, (extract(epoch from kept_from) / 86400)::int as from_day
         from (select date_trunc('day', now() - make_interval(days => raw_days), 'UTC') as kept_from from reading_retention) r`,
    );
    const old = missing.filter((day) => day < (kept?.from_day ?? 0));
    if (old.length === 0) return new Set();
    const rows = await connection.query<{ day: number }>(
      "select day - date '1970-01-01' as day from reading_days_before($1::timestamptz) as day",
      [kept?.from],
    );
    const there = new Set(rows.map((row) => row.day));
    const further = old.filter((day) => !there.has(day)).reverse();
    for (const day of further.slice(Math.max(0, mostOld - there.size))) refused.add(day);
    return new Set(old);
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
    get refusesDays() {
      return refused.size > 0;
    },
    refusal(timeUs) {
      if (!refused.has(Math.floor(timeUs / dayUs))) return undefined;
      return `The time is ${toTimestamp(timeUs / 1000)}, before the kept readings (RAW_RETENTION_DAYS), and ${mostOld} such days hold readings already; replay it after the nightly retention has dropped them.`;
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
