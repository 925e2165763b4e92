import { quoteName, type Connection } from '../../core/database.ts';
import { copyColumns } from '../store/copy-encoder.ts';
import { copyStream, insertRange, stagingSchema, type Staging, type StagedRange } from './staging.ts';

const dayUs = 86_400_000_000;

/**
 * Staging on plain PostgreSQL: one table without indexes for each UTC day. A day that `reading` has no partition of gets
 * its indexes when it is whole, which costs a third of what it costs row by row, and becomes the partition.
 */
export function postgresStaging(): Staging {
  return {
    order: 'time',
    interval_us: dayUs,
    prepare: () => Promise.resolve(),
    async copy(session, interval, columns, pace) {
      const table = tableOf(interval);
      await session.query(
        `create table if not exists ${table} (like public.reading including defaults including storage)`,
      );
      await session.copyIn(`copy ${table} (${copyColumns}) from stdin (format binary)`, copyStream(columns, pace));
    },
    ranges: (session) =>
      session.query<StagedRange>(
        `select format('%I.%I', n.nspname, c.relname) as table, (d.day::text || ' 00:00+00') as from, ((d.day + 1)::text || ' 00:00+00') as to
           from pg_class c join pg_namespace n on n.oid = c.relnamespace
          cross join lateral (select to_date(substr(c.relname, 9), 'YYYY_MM_DD') as day) d
          where n.nspname = '${stagingSchema}' and c.relkind = 'r' and c.relname like 'reading\\_%' order by d.day`,
      ),
    async merge(session, range) {
      const rows = await attachPartition(session, range);
      if (rows !== undefined) return { stored: rows, duplicate: 0, conflict: 0, conflicts: [], how: 'attached' };
      const merged = await insertRange(session, range, 'time, signal_id');
      await session.query(`drop table ${range.table}`);
      return merged;
    },
    async drop(session) {
      for (const { table } of await this.ranges(session)) await session.query(`drop table ${table}`);
    },
  };
}

function tableOf(interval: number): string {
  const day = new Date((interval * dayUs) / 1000).toISOString().slice(0, 10).replaceAll('-', '_');
  return `${stagingSchema}.${quoteName(`reading_${day}`)}`;
}

/**
 * Makes the staged day a partition of `reading`. Answers its rows, or undefined with nothing changed when the day has a
 * partition already or a row is staged twice. The check constraint spares attaching from reading all rows once more.
 */
async function attachPartition(session: Connection, range: StagedRange): Promise<number | undefined> {
  const name = range.table.slice(stagingSchema.length + 1);
  await session.query("select pg_advisory_xact_lock(hashtext('reading partitions'))");
  const [there] = await session.query<{ partition: string | null; empty: boolean }>(
    `select to_regclass($1)::text as partition, coalesce(pg_relation_size(to_regclass($1)), 0) = 0 as empty`,
    [`public.${name}`],
  );
  if (there?.partition !== null && there?.partition !== undefined) return undefined;
  await session.query('savepoint attach');
  try {
    await session.query("set local maintenance_work_mem = '256MB'");
    await session.query(`create unique index on ${range.table} (signal_id, time desc)`);
  } catch (error) {
    if ((error as { code?: unknown }).code !== '23505') throw error;
    await session.query('rollback to savepoint attach');
    await session.query('call ensure_reading_partitions($1::timestamptz, $1::timestamptz)', [range.from]);
    return undefined;
  }
  await session.query(
    `create index on ${range.table} using brin (time) with (pages_per_range = 32, autosummarize = on)`,
  );
  await session.query(
    `alter table ${range.table} add constraint backfilled_day check (time >= '${range.from}' and time < '${range.to}')`,
  );
  const [counted] = await session.query<{ rows: number }>(`select count(*)::int8 as rows from ${range.table}`);
  await session.query(`alter table ${range.table} set schema public`);
  await session.query(
    `alter table public.reading attach partition public.${name} for values from ('${range.from}') to ('${range.to}')`,
  );
  await session.query(`alter table public.${name} drop constraint backfilled_day`);
  await session.query(`analyze public.${name}`);
  return counted?.rows ?? 0;
}
