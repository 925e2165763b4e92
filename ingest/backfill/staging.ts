import type { Connection } from '../../core/database.ts';
import type { ReadingColumns } from '../../core/reading-columns.ts';
import { copyColumns, createCopyEncoder } from '../store/copy-encoder.ts';
import type { RowOrder } from './sort-rows.ts';

/**
 * Where back-filled rows wait until they are merged into `reading`: tables of their own in the schema `backfill`, without
 * the unique index, so that loading neither waits for live ingest nor slows it down.
 */
export interface Staging {
  /** How rows must be sorted for `copy`, and the interval that a chunk or partition covers. */
  order: RowOrder;
  interval_us: number;
  prepare(connection: Connection): Promise<void>;
  /** Within the caller's transaction: the rows of one interval. `pace` is waited for between pieces. */
  copy(
    connection: Connection,
    interval: number,
    columns: ReadingColumns,
    pace: (rows: number) => Promise<void>,
  ): Promise<void>;
  /** What is staged, oldest first. */
  ranges(connection: Connection): Promise<StagedRange[]>;
  /** Within the caller's transaction: puts the rows of a range into `reading` and frees the staging of it. */
  merge(connection: Connection, range: StagedRange): Promise<Merged>;
  drop(connection: Connection): Promise<void>;
}

export interface StagedRange {
  /** Quoted name of the table or chunk that holds the rows. */
  table: string;
  from: string;
  to: string;
}

export interface Merged {
  stored: number;
  duplicate: number;
  /** Of the duplicates: another value or quality is stored at this time; the first `mostConflicts` of them. */
  conflict: number;
  conflicts: { signal_id: number; time_us: number; value: number | null; detail: string }[];
  /** `attached`: the whole table became part of `reading`; `inserted`: row by row, because rows were there already. */
  how: 'attached' | 'inserted';
}

export const mostConflicts = 1000;
export const stagingSchema = 'backfill';

const rowsPerPiece = 50_000;
const copyHeaderBytes = 19;
const copyEnd = Buffer.from([0xff, 0xff]);

/**
 * Rows as one binary COPY stream in pieces of 2 MB, so that a batch of millions never stands in memory twice. Each piece
 * is a copy, because the encoder's buffer is written over while the last piece may still wait in the socket.
 */
export async function* copyStream(
  columns: ReadingColumns,
  pace: (rows: number) => Promise<void>,
): AsyncGenerator<Buffer> {
  const encoder = createCopyEncoder();
  for (let from = 0; from < columns.length || from === 0; from += rowsPerPiece) {
    const to = Math.min(columns.length, from + rowsPerPiece);
    const piece = encoder.encode(columns, from, to);
    yield Buffer.from(piece.subarray(from === 0 ? 0 : copyHeaderBytes, piece.length - copyEnd.length));
    await pace(to - from);
  }
  yield copyEnd;
}

/**
 * Inserts the rows of `table` that are not there yet, in the order given; the first of equal (signal, time) wins. What was
 * left out is counted, and compared with what stands there.
 */
export async function insertRange(connection: Connection, range: StagedRange, order: string): Promise<Merged> {
  const inserted = await connection.execute(
    `insert into reading (${copyColumns})
     select ${copyColumns} from (select distinct on (signal_id, time) ${copyColumns} from ${range.table} order by signal_id, time desc) r
      order by ${order}
     on conflict do nothing`,
  );
  const [counts] = await connection.query<{ staged: number }>(`select count(*)::int8 as staged from ${range.table}`);
  const duplicate = (counts?.staged ?? 0) - inserted;
  const differing = duplicate === 0 ? [] : await findConflicts(connection, range);
  return { stored: inserted, duplicate, conflict: differing[0]?.total ?? 0, conflicts: differing, how: 'inserted' };
}

function findConflicts(
  connection: Connection,
  range: StagedRange,
): Promise<(Merged['conflicts'][number] & { total: number })[]> {
  return connection.query(
    `select s.signal_id, (extract(epoch from s.time) * 1000000)::int8 as time_us, s.value, count(*) over ()::int8 as total,
            format('The stored value at this time is %s with quality %s, this one is %s with quality %s; the first one is kept.',
                   coalesce(r.value::text, 'none'), r.quality, coalesce(s.value::text, 'none'), s.quality) as detail
       from ${range.table} s join reading r on r.signal_id = s.signal_id and r.time = s.time
      where r.time >= $1 and r.time < $2 and (r.value, r.quality) is distinct from (s.value, s.quality)
      limit ${mostConflicts}`,
    [range.from, range.to],
  );
}
