import { quoteName, type Connection } from '../../core/database.ts';
import { copyColumns } from '../store/copy-encoder.ts';
import { copyStream, insertRange, stagingSchema, type Staging, type StagedRange } from './staging.ts';

/**
 * Staging on TimescaleDB: a hypertable without a unique index, into which COPY writes the columnstore directly ("direct
 * compress"). `reading` itself cannot be loaded so, because a unique index disables direct compress with nothing but a
 * warning; COPY into it and compressing afterwards was measured at 550,000 rows/s, this at 2,700,000. A finished chunk
 * becomes a chunk of `reading` by copying its compressed batches, 1,000 rows each: 40 ms for 2,000,000 rows.
 */
export async function timescaleStaging(connection: Connection): Promise<Staging> {
  const [dimension] = await connection.query<{ us: number }>(
    `select (extract(epoch from time_interval) * 1000000)::int8 as us
       from timescaledb_information.dimensions where hypertable_schema = 'public' and hypertable_name = 'reading'`,
  );
  if (dimension === undefined) throw new Error('The table reading is no hypertable; run "npm run migrate" first.');
  const table = `${stagingSchema}.reading`;
  return {
    order: 'signal',
    interval_us: dimension.us,
    async prepare(session) {
      await session.query(`create table if not exists ${table} (like public.reading)`);
      await session.query(
        `select create_hypertable('${table}', by_range('time', ${dimension.us}::bigint), create_default_indexes => false, if_not_exists => true)`,
      );
      await session.query(
        `alter table ${table} set (timescaledb.enable_columnstore, timescaledb.segmentby = 'signal_id', timescaledb.orderby = 'time desc')`,
      );
    },
    async copy(session, _interval, columns, pace) {
      await session.query('set local timescaledb.enable_direct_compress_copy = on');
      await session.query('set local timescaledb.enable_direct_compress_copy_client_sorted = on');
      await session.copyIn(`copy ${table} (${copyColumns}) from stdin (format binary)`, copyStream(columns, pace));
    },
    ranges: (session) =>
      session.query<StagedRange>(
        `select format('%I.%I', chunk_schema, chunk_name) as table, range_start::text as from, range_end::text as to
           from timescaledb_information.chunks
          where hypertable_schema = '${stagingSchema}' and hypertable_name = 'reading' order by range_start`,
      ),
    async merge(session, range) {
      const attached = await attachChunk(session, range);
      const merged =
        attached === undefined
          ? await insertRange(session, range, 'signal_id, time desc')
          : { stored: attached, duplicate: 0, conflict: 0, conflicts: [], how: 'attached' as const };
      await session.query(
        `select drop_chunks('${table}', older_than => $2::timestamptz, newer_than => $1::timestamptz)`,
        [range.from, range.to],
      );
      return merged;
    },
    async drop(session) {
      await session.query(`drop table if exists ${table}`);
    },
  };
}

/**
 * Makes the compressed batches of a staged chunk a chunk of `reading`, and answers how many rows they hold. Answers
 * undefined, with nothing changed, when that is not possible: `reading` has a chunk there already, a row is staged twice,
 * or this TimescaleDB does it otherwise. Uses functions of TimescaleDB that its own restore tools use
 * (create_chunk, create_compressed_chunk); they have no promise of stability, hence the fallback.
 */
async function attachChunk(session: Connection, range: StagedRange): Promise<number | undefined> {
  await session.query('savepoint attach');
  try {
    const rows = await tryAttachChunk(session, range);
    if (rows !== undefined) return rows;
  } catch (error) {
    const code = (error as { code?: unknown }).code;
    // Only what the statement itself says is survivable; a lost connection is not.
    if (typeof code !== 'string' || !/^(0A|22|23|42|55|P0|XX|TS)/.test(code)) throw error;
  }
  await session.query('rollback to savepoint attach');
  return undefined;
}

async function tryAttachChunk(session: Connection, range: StagedRange): Promise<number | undefined> {
  if (await hasChunk(session, range)) return undefined;
  let batches = await findBatches(session, range);
  if (batches === undefined || (await overlap(session, batches)) || (await hasLooseRows(session, range))) {
    if (await hasDuplicates(session, range)) return undefined;
    await session.query('select compress_chunk($1::regclass, if_not_compressed => true, recompress => true)', [
      range.table,
    ]);
    batches = await findBatches(session, range);
    if (batches === undefined) return undefined;
  }
  const [counted] = await session.query<{ rows: number; batches: number }>(
    `select coalesce(sum(_ts_meta_count), 0)::int8 as rows, count(*)::int8 as batches from ${batches}`,
  );
  const rows = counted?.rows ?? 0;
  if (rows === 0) return undefined;
  if (rows / (counted?.batches ?? 1) < 100) {
    // Batches of a few rows take ten times the space; they come from files with few rows for each signal and chunk.
    await session.query('select compress_chunk($1::regclass, if_not_compressed => true, recompress => true)', [
      range.table,
    ]);
    batches = (await findBatches(session, range)) ?? batches;
  }
  const [slice] = await session.query<{ from_us: number; to_us: number }>(
    'select (extract(epoch from $1::timestamptz) * 1000000)::int8 as from_us, (extract(epoch from $2::timestamptz) * 1000000)::int8 as to_us',
    [range.from, range.to],
  );
  const name = `_timescaledb_internal.${quoteName(`backfill_${slice?.from_us ?? 0}`)}`;
  // The copy comes first: creating the chunk takes a lock for which a live reading that needs a new chunk would wait.
  await session.query(`create table ${name} (like ${batches} including all)`);
  await session.query(`alter table ${name} set (toast_tuple_target = 128)`);
  await session.query(`insert into ${name} select * from ${batches}`);
  const [chunk] = await session.query<{ chunk: string; created: boolean }>(
    `select format('%I.%I', schema_name, table_name) as chunk, created
       from _timescaledb_functions.create_chunk('public.reading', $1::jsonb)`,
    [JSON.stringify({ time: [slice?.from_us, slice?.to_us] })],
  );
  if (chunk?.created !== true) return undefined;
  await noteForRollups(session, range);
  await session.query(
    'select _timescaledb_functions.create_compressed_chunk($1::regclass, $2::regclass, 0, 0, 0, 0, 0, 0, $3, $4)',
    [chunk.chunk, name, rows, counted?.batches ?? 0],
  );
  await session.query(`analyze ${name}`);
  return rows;
}

/**
 * Attached rows pass no one who would note that the continuous aggregates are behind there. Two rows at the ends of the
 * range, inserted and deleted again, note the whole range between them.
 */
async function noteForRollups(session: Connection, { from, to }: StagedRange): Promise<void> {
  await session.query(
    `insert into public.reading (time, signal_id, value, quality)
     values ($1::timestamptz, 0, null, 0), ($2::timestamptz - interval '1 microsecond', 0, null, 0)`,
    [from, to],
  );
  await session.query('delete from public.reading where signal_id = 0 and time >= $1 and time < $2', [from, to]);
}

async function hasChunk(session: Connection, range: StagedRange): Promise<boolean> {
  const found = await session.query(
    `select 1 from timescaledb_information.chunks
      where hypertable_schema = 'public' and hypertable_name = 'reading' and range_start < $2 and range_end > $1`,
    [range.from, range.to],
  );
  return found.length > 0;
}

/** The table of compressed batches behind a chunk. */
async function findBatches(session: Connection, range: StagedRange): Promise<string | undefined> {
  const [row] = await session.query<{ batches: string }>(
    `select format('%I.%I', b.schema_name, b.table_name) as batches
       from _timescaledb_catalog.chunk c join _timescaledb_catalog.chunk b on b.id = c.compressed_chunk_id
      where to_regclass(format('%I.%I', c.schema_name, c.table_name)) = $1::regclass`,
    [range.table],
  );
  return row?.batches;
}

/** Whether two batches of one signal overlap in time. Where none do, no row can be there twice. */
async function overlap(session: Connection, batches: string): Promise<boolean> {
  const [row] = await session.query<{ overlap: boolean }>(
    `select coalesce(bool_or(earlier >= _ts_meta_min_1), false) as overlap
       from (select _ts_meta_min_1, lag(_ts_meta_max_1) over (partition by signal_id order by _ts_meta_min_1) as earlier from ${batches}) b`,
  );
  return row?.overlap ?? true;
}

async function hasLooseRows(session: Connection, range: StagedRange): Promise<boolean> {
  const found = await session.query<{ loose: boolean }>('select (pg_relation_size($1::regclass) > 0) as loose', [
    range.table,
  ]);
  return found[0]?.loose ?? true;
}

async function hasDuplicates(session: Connection, range: StagedRange): Promise<boolean> {
  const [row] = await session.query<{ twice: boolean }>(
    `select exists (select from (select time, lag(time) over (partition by signal_id order by time) as before from ${range.table}) r
                     where time = before) as twice`,
  );
  return row?.twice ?? true;
}
