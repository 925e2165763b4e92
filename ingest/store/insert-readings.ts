import type { Connection } from '../../core/database.ts';
import type { ReadingColumns } from '../../core/reading-columns.ts';
import type { RejectReason } from '../../core/reading.ts';
import { copyColumns, createCopyEncoder } from './copy-encoder.ts';
import { epochTime, timeArray } from './sql-arrays.ts';

/** What became of a row. */
export const Outcome = { stored: 0, duplicate: 1, conflict: 2, refused: 3, too_old: 4 } as const;

/** The reason with which a row of such an outcome is kept. */
export const rejectReasons: Readonly<Record<number, RejectReason>> = {
  [Outcome.conflict]: 'conflict',
  [Outcome.refused]: 'refused_by_database',
  [Outcome.too_old]: 'too_old',
};

export interface InsertResult {
  /** One of Outcome for each row. */
  outcome: Uint8Array;
  /** Sentences for the rows that are in conflict or were refused, by row. */
  details: Map<number, string>;
}

export type InsertReadings = (connection: Connection, columns: ReadingColumns) => Promise<InsertResult>;

/**
 * Puts readings into `reading` within the caller's transaction: by binary COPY; when a row is there already
 * (SQLSTATE 23505), the same rows through a staging table; when the database refuses a row (class 22 or 23), by halves,
 * until the refused rows stand alone. Other errors are thrown. Afterwards every row has exactly one outcome.
 */
export function createInsertReadings(): InsertReadings {
  const encoder = createCopyEncoder();

  async function insertRange(
    connection: Connection,
    columns: ReadingColumns,
    from: number,
    to: number,
    result: InsertResult,
  ): Promise<void> {
    if (from >= to) return;
    const failure = await tryInSavepoint(connection, async () => {
      await connection.copyIn(`copy reading (${copyColumns}) from stdin (format binary)`, [
        encoder.encode(columns, from, to),
      ]);
    });
    if (failure === undefined) return;
    if (failure.code === uniqueViolation) {
      const stagingFailure = await tryInSavepoint(connection, async () =>
        insertStaged(connection, columns, from, to, result),
      );
      if (stagingFailure === undefined) return;
      await split(connection, columns, from, to, result, stagingFailure);
    } else {
      await split(connection, columns, from, to, result, failure);
    }
  }

  async function split(
    connection: Connection,
    columns: ReadingColumns,
    from: number,
    to: number,
    result: InsertResult,
    failure: PostgresError,
  ): Promise<void> {
    if (to - from === 1) {
      result.outcome[from] = Outcome.refused;
      result.details.set(from, `The database refused the reading: ${failure.message} (SQLSTATE ${failure.code}).`);
      return;
    }
    const middle = (from + to) >>> 1;
    await insertRange(connection, columns, from, middle, result);
    await insertRange(connection, columns, middle, to, result);
  }

  async function insertStaged(
    connection: Connection,
    columns: ReadingColumns,
    from: number,
    to: number,
    result: InsertResult,
  ): Promise<void> {
    await connection.query(createStaging);
    await connection.query('delete from staged_reading');
    await connection.copyIn(`copy staged_reading (${copyColumns}, row) from stdin (format binary)`, [
      encoder.encode(columns, from, to, true),
    ]);
    const [answer] = await connection.query<{ rows: number[] | null }>(insertStagedSql);
    const rows = answer?.rows ?? [];
    if (rows.length === 0) return;
    let low = Number.POSITIVE_INFINITY;
    let high = Number.NEGATIVE_INFINITY;
    for (const row of rows) {
      const time = columns.time_us[row] ?? 0;
      low = Math.min(low, time);
      high = Math.max(high, time);
    }
    const standing = await connection.query<{ row: number; value: number | null; quality: number }>(standingSql, [
      rows,
      timeArray([low]).slice(1, -1),
      timeArray([high]).slice(1, -1),
    ]);
    for (const { row, value, quality } of standing) {
      const mine = columns.value[row] ?? Number.NaN;
      const same = quality === columns.quality[row] && (value === null ? Number.isNaN(mine) : value === mine);
      result.outcome[row] = same ? Outcome.duplicate : Outcome.conflict;
      if (!same) {
        result.details.set(
          row,
          `The stored value at this time is ${showValue(value)} with quality ${quality}, this one is ${showValue(Number.isNaN(mine) ? null : mine)} with quality ${columns.quality[row]}; the first one is kept.`,
        );
      }
    }
    for (const row of rows) {
      // Neither inserted nor there: another session deleted it meanwhile. It is told apart so that the books balance.
      if (result.outcome[row] === Outcome.stored) result.outcome[row] = Outcome.duplicate;
    }
  }

  return async (connection, columns) => {
    const result: InsertResult = { outcome: new Uint8Array(columns.length), details: new Map() };
    await insertRange(connection, columns, 0, columns.length, result);
    return result;
  };
}

const uniqueViolation = '23505';

// Kept for the session: making a table for each batch would bloat the catalogue.
const createStaging = `
  create temporary table if not exists staged_reading (
    time timestamptz not null, signal_id int4 not null, value float8, quality int2 not null, row int4 not null
  ) on commit delete rows`;

// Of equal (signal, time) within the batch the first row is inserted; answers the numbers of all rows that were not.
const insertStagedSql = `
  with first_row as materialized (
    select distinct on (signal_id, time) time, signal_id, value, quality, row from staged_reading order by signal_id, time, row
  ), inserted as (
    insert into reading (${copyColumns}) select ${copyColumns} from first_row order by signal_id, time
    on conflict do nothing returning signal_id, time
  )
  select array_agg(s.row) as rows from staged_reading s
   where s.row not in (select f.row from first_row f join inserted i using (signal_id, time))`;

// The rows that stand in the way, by index look-up: the planner knows nothing about the staging table's size. The
// bounds let it leave out partitions.
const standingSql = `
  select s.row, r.value, r.quality
    from staged_reading s
   cross join lateral (
         select value, quality from reading
          where signal_id = s.signal_id and time = s.time
            and time between ${epochTime('$2::int8')} and ${epochTime('$3::int8')} limit 1) r
   where s.row = any ($1::int4[])`;

interface PostgresError extends Error {
  code: string;
}

/** Runs `work` in a savepoint; answers the error when it is one of the data's (class 22 and 23), throws any other. */
async function tryInSavepoint(connection: Connection, work: () => Promise<void>): Promise<PostgresError | undefined> {
  await connection.query('savepoint readings');
  try {
    await work();
    await connection.query('release savepoint readings');
    return undefined;
  } catch (error) {
    const code = (error as { code?: unknown }).code;
    if (!(error instanceof Error) || typeof code !== 'string' || !/^2[23]...$/.test(code)) throw error;
    await connection.query('rollback to savepoint readings; release savepoint readings');
    // No partition for the row: not the row's fault, the caller must make one.
    if (code === '23514' && error.message.includes('partition')) throw error;
    return error as PostgresError;
  }
}

const showValue = (value: number | null): string => (value === null ? 'none' : String(value));
