import type { Connection } from '../../core/database.ts';
import type { Series } from '../schemas/reading.ts';
import { chooseBucket, mergeBuckets, mergeRaw, type Bucket, type BucketRow, type RawRow } from './series-columns.ts';

interface SignalRow {
  signal_id: number;
  unit: string;
  kind: string;
  expected_interval_seconds: number;
}

/**
 * One signal over [fromMs, toMs) in the finest resolution that gives at most 2 × `points` rows. Undefined when there
 * is no such signal.
 *
 * Whether raw readings fit is found by reading them, bounded by that many rows, because a signal that reports changes
 * only may have few where its expected interval promises many. Where even the promise is 10 times too many it is not tried.
 */
export async function readSeries(
  connection: Connection,
  signalId: number,
  query: { fromMs: number; toMs: number; points: number },
  nowMs: number,
): Promise<Series | undefined> {
  const { fromMs, toMs, points } = query;
  const [signal] = await connection.query<SignalRow>(
    'select signal_id, unit, kind, expected_interval_seconds from signal where signal_id = $1',
    [signalId],
  );
  if (signal === undefined) return undefined;
  const before = await readBefore(connection, signalId, fromMs);
  const head = {
    signal_id: signal.signal_id,
    unit: signal.unit,
    kind: signal.kind,
    from_ms: fromMs,
    to_ms: toMs,
    server_time_ms: nowMs,
    before,
  };
  const most = 2 * points;
  const promised = (toMs - fromMs) / 1000 / signal.expected_interval_seconds;
  if (signal.kind !== 'measurement' || promised <= most * 10) {
    const rows = await readRaw(connection, signalId, fromMs, toMs, most + 1);
    if (rows.length <= most) {
      const silenceMs = signal.kind === 'measurement' ? signal.expected_interval_seconds * 5000 : null;
      const columns = mergeRaw(rows, { silenceMs, endMs: Math.min(toMs, nowMs) });
      return { ...head, resolution: 'raw', bucket_seconds: null, raw_tail_from_ms: null, ...columns };
    }
  }
  const bucket = chooseBucket((toMs - fromMs) / 1000, most);
  const { rows, rawTailFromMs } = await readBuckets(connection, signalId, fromMs, toMs, bucket);
  const columns = mergeBuckets(rows, { widthMs: bucket.seconds * 1000, endMs: Math.min(toMs, nowMs) });
  return {
    ...head,
    resolution: bucket.from,
    bucket_seconds: bucket.seconds,
    raw_tail_from_ms: rawTailFromMs,
    ...columns,
  };
}

/** The last usable reading before the range. Bad ones are stepped over, at most 1,000, so that a sick sensor costs no scan. */
async function readBefore(connection: Connection, signalId: number, fromMs: number): Promise<Series['before']> {
  const [row] = await connection.query<{ time_ms: number; value: number }>(
    `select extract(epoch from time)::float8 * 1000 as time_ms, value
       from (select time, value, quality from visible_reading
              where signal_id = $1 and time < to_timestamp($2::float8) order by time desc limit 1000) r
      where quality in (64, 192) and value is not null order by time desc limit 1`,
    [signalId, fromMs / 1000],
  );
  return row ?? null;
}

function readRaw(
  connection: Connection,
  signalId: number,
  fromMs: number,
  toMs: number,
  limit: number,
): Promise<RawRow[]> {
  return connection.query<RawRow>(
    `select extract(epoch from time)::float8 * 1000 as time_ms, case when quality in (64, 192) then value end as value
       from visible_reading
      where signal_id = $1 and time >= to_timestamp($2::float8) and time < to_timestamp($3::float8)
      order by time limit $4`,
    [signalId, fromMs / 1000, toMs / 1000, limit],
  );
}

/**
 * Buckets from the coarsest rollup that serves, each finer level taking over where the coarser ends, raw readings last:
 * rollups are refreshed behind the present, and the newest bucket of each may have been refreshed half full. So the
 * newest bucket of every level is left to the level below it.
 */
async function readBuckets(
  connection: Connection,
  signalId: number,
  fromMs: number,
  toMs: number,
  bucket: Bucket,
): Promise<{ rows: BucketRow[]; rawTailFromMs: number | null }> {
  const levels = { '1d': ['1d', '1h', '1m'], '1h': ['1h', '1m'], '1m': ['1m'] }[bucket.from];
  const edges: string[] = [];
  const parts: string[] = [];
  let from = '(select from_time from range)';
  for (const level of levels) {
    edges.push(
      `edge_${level} as (select coalesce((select bucket from visible_reading_${level}
         where signal_id = $1 and bucket >= ${from} and bucket < (select to_time from range) order by bucket desc limit 1), ${from}) as at)`,
    );
    parts.push(
      `select bucket as time, sum, count, min, max, last, bad_count from visible_reading_${level}
        where signal_id = $1 and bucket >= ${from} and bucket < (select at from edge_${level})`,
    );
    from = `(select at from edge_${level})`;
  }
  const rows = await connection.query<BucketRow & { tail_ms: number; is_tail: boolean }>(
    `with range as (select date_bin(make_interval(secs => $4), to_timestamp($2::float8), 'epoch') as from_time, to_timestamp($3::float8) as to_time),
     ${edges.join(',\n     ')},
     part as (
       ${parts.join('\n       union all ')}
       union all
       select time, usable, (usable is not null)::int, usable, usable, usable, (usable is null)::int
         from (select time, case when quality in (64, 192) then value end as usable from visible_reading
                where signal_id = $1 and time >= ${from} and time < (select to_time from range)) r)
     select extract(epoch from date_bin(make_interval(secs => $4), time, 'epoch'))::float8 * 1000 as time_ms,
            sum(sum) as sum, sum(count)::int8 as count, min(min) as min, max(max) as max,
            (array_agg(last order by time desc) filter (where count > 0))[1] as last, sum(bad_count)::int8 as bad_count,
            extract(epoch from ${from})::float8 * 1000 as tail_ms, max(time) >= ${from} as is_tail
       from part group by 1 order by 1`,
    [signalId, fromMs / 1000, toMs / 1000, bucket.seconds],
  );
  const last = rows.at(-1);
  return { rows, rawTailFromMs: last !== undefined && last.is_tail ? last.tail_ms : null };
}
