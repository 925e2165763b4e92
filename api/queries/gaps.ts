import type { Connection } from '../../core/database.ts';
import type { SignalKind } from '../../core/reading.ts';
import { decodeCursor, toPage } from '../cursor.ts';
import type { GapRow } from '../schemas/ledger.ts';
import { conditions, toRfc3339 } from './row.ts';

export interface GapsQuestion {
  from: string;
  to: string;
  per: 'minute' | 'hour';
  /** The share of the expected readings below which readings are missing. */
  below: number;
  line?: number | undefined;
  machine?: number | undefined;
  signal?: number | undefined;
  /** Undefined: the kind of `signal`, else measurements. */
  kind?: SignalKind | undefined;
  limit: number;
  cursor?: string | undefined;
}

/**
 * When signals gave fewer readings than their expected interval promises, newest first: neighbouring minutes (or hours)
 * with less than the share `below` are one gap. Stored readings of any quality count as arrived. Answered from the
 * rollups, so that a gap is as fine as their bucket; a signal with an interval of more than half a bucket is judged by
 * as many buckets as hold two readings. One missing reading is no gap yet: it may have fallen into the next bucket.
 *
 * A signal whose first reading ever lies in the range is judged from there on, and not at all before it; one that never
 * sent anything is missing all the time.
 */
export async function listGaps(
  connection: Connection,
  query: GapsQuestion,
): Promise<{ items: GapRow[]; next: string | null }> {
  const where = conditions();
  where.add('g.kind = ?', query.kind ?? (query.signal === undefined ? 'measurement' : undefined));
  where.add('m.line_id = ?', query.line);
  where.add('m.machine_id = ?', query.machine);
  where.add('g.signal_id = ?', query.signal);
  const [rollup, unit, bucketSeconds] =
    query.per === 'minute' ? (['1m', 'minute', 60] as const) : (['1h', 'hour', 3600] as const);
  const from = `date_trunc('${unit}', ${where.parameter(query.from)}::timestamptz, 'UTC')`;
  const to = `date_trunc('${unit}', ${where.parameter(query.to)}::timestamptz, 'UTC')`;
  const below = where.parameter(query.below);
  const after = decodeCursor(query.cursor, 'gaps', ['time', 'number']);
  const behind =
    after === undefined
      ? ''
      : `where ("from", -signal_id) < (${after.map((part) => where.parameter(part)).join(', ')})`;
  const rows = await connection.query<GapRow>(
    `with asked as materialized (
       select g.signal_id, g.name as signal_name, m.machine_id, m.name as machine_name,
              make_interval(secs => ${bucketSeconds}) * greatest(1, ceil(2 * g.expected_interval_seconds / ${bucketSeconds})) as width,
              g.expected_interval_seconds as every
         from signal g join machine m using (machine_id) ${where.toSql()}),
     bucket as materialized (
       select signal_id, bucket, count + bad_count as stored from visible_reading_${rollup}
        where bucket >= ${from} and bucket < ${to} and signal_id = any (array(select signal_id from asked))),
     slot as (
       select signal_id, date_bin(width, bucket, 'epoch') as start, sum(stored) as stored
         from bucket join asked using (signal_id) group by 1, 2),
     known as (
       select a.*, s.start as first, exists (select from visible_reading_1h e where e.signal_id = a.signal_id
                                                and e.bucket < date_trunc('hour', ${from}, 'UTC')) as was_there
         from asked a left join (select signal_id, min(start) as start from slot group by 1) s using (signal_id)),
     began as (
       select k.*, case when first is null or was_there
                        then date_bin(width, ${from} + width - interval '1 us', 'epoch') else first end as start
         from known k
        where first is not null or was_there
           or not exists (select from visible_reading_1h e
                           where e.signal_id = k.signal_id and e.bucket >= date_trunc('hour', ${to}, 'UTC'))),
     judged as (
       select b.*, t.start as at, coalesce(s.stored, 0) as stored, extract(epoch from width)::float8 / every as expected
         from began b cross join lateral generate_series(b.start, ${to} - b.width, b.width) t(start)
         left join slot s on s.signal_id = b.signal_id and s.start = t.start),
     low as (
       select *, at - row_number() over (partition by signal_id order by at) * width as run
         from judged where stored < ${below} * expected and expected - stored > 1),
     gap as (
       select signal_id, signal_name, machine_id, machine_name, min(at) as "from", max(at) + width as "to",
              round(sum(expected))::int as expected, sum(stored)::int as stored, (sum(stored) / sum(expected))::float8 as coverage
         from low group by 1, 2, 3, 4, run, width)
     select * from gap ${behind} order by "from" desc, signal_id limit ${where.parameter(query.limit + 1)}`,
    where.parameters,
  );
  const page = toPage(rows, query.limit, 'gaps', (row) => [row.from, -row.signal_id]);
  const items = page.items.map((row) => ({ ...row, from: toRfc3339(row.from), to: toRfc3339(row.to) }));
  return { items, next: page.next };
}
