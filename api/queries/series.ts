import { toTimestamp } from '../../core/clock.ts';
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
    from: toTimestamp(fromMs),
    to: toTimestamp(toMs),
    server_time: toTimestamp(nowMs),
    before,
  };
  const most = 2 * points;
  const promised = (toMs - fromMs) / 1000 / signal.expected_interval_seconds;
  if (signal.kind !== 'measurement' || promised <= most * 10) {
    const rows = await readRaw(connection, signalId, fromMs, toMs, most + 1);
    if (rows.length <= most) {
      const silenceMs = signal.kind === 'measurement' ? signal.expected_interval_seconds * 5000 : null;
      const columns = mergeRaw(rows, { silenceMs, endMs: Math.min(toMs, nowMs) });
      return { ...head, resolution: 'raw', bucket_seconds: null, raw_tail_from: null, ...columns };
    }
  }
  const bucket = chooseBucket((toMs - fromMs) / 1000, most);
  const { rows, rawTailFromMs } = await readBuckets(connection, signalId, fromMs, toMs, bucket);
  const columns = mergeBuckets(rows, { widthMs: bucket.seconds * 1000, endMs: Math.min(toMs, nowMs) });
  return {
    ...head,
    resolution: bucket.from,
    bucket_seconds: bucket.seconds,
    raw_tail_from: rawTailFromMs === null ? null : toTimestamp(rawTailFromMs),
    ...columns,
  };
}

/** The last usable reading before the range. Bad ones are stepped over, at most 1,000, so that a sick sensor costs no scan. */
async function readBefore(connection: Connection, signalId: number, fromMs: number): Promise<Series['before']> {
  // Nearly always one of the first few serves; the many are read only where the sensor was sick.
  for (const most of [10, 1000]) {
    const rows = await connection.query<RawRow>(
      `select ${rawColumns} from visible_reading_page($1, '-infinity', to_timestamp($2::float8), true, $3) order by time desc`,
      [signalId, fromMs / 1000, most],
    );
    const usable = rows.find((row) => row.value !== null);
    if (usable !== undefined) return { time: toTimestamp(usable.time_ms), value: usable.value };
    if (rows.length < most) return null;
  }
  return null;
}

function readRaw(
  connection: Connection,
  signalId: number,
  fromMs: number,
  toMs: number,
  most: number,
): Promise<RawRow[]> {
  return connection.query<RawRow>(
    `select ${rawColumns} from visible_reading_page($1, to_timestamp($2::float8), to_timestamp($3::float8), false, $4) order by time`,
    [signalId, fromMs / 1000, toMs / 1000, most],
  );
}

const rawColumns =
  'extract(epoch from time)::float8 * 1000 as time_ms, case when quality in (64, 192) then value end as value';

/** Rollups that make up a bucket, coarsest first, and how far back their newest row is usually found. */
const levelsOf = { '1d': ['1d', '1h', '1m'], '1h': ['1h', '1m'], '1m': ['1m'] } as const;
const lookBackMs = { '1m': 1_800_000, '1h': 2 * 86_400_000, '1d': 40 * 86_400_000 };

/**
 * Buckets from the coarsest rollup that serves, each finer level taking over where the coarser ends, raw readings last:
 * rollups are refreshed behind the present, and the newest bucket of each may have been refreshed half full. So the
 * newest bucket of every level is left to the level below it.
 *
 * The edges are asked for first, so that the planner sees times instead of subqueries: with those it took the index by
 * bucket and read the rollups of all signals (197,616 rows instead of 1,430).
 */
async function readBuckets(
  connection: Connection,
  signalId: number,
  fromMs: number,
  toMs: number,
  bucket: Bucket,
): Promise<{ rows: BucketRow[]; rawTailFromMs: number | null }> {
  const widthMs = bucket.seconds * 1000;
  const edgesMs = [Math.floor(fromMs / widthMs) * widthMs];
  for (const level of levelsOf[bucket.from])
    edgesMs.push(await findEdge(connection, level, signalId, edgesMs.at(-1) ?? fromMs, toMs));
  // $1 signal, $2 width, then the edges: part n lies between edge n and edge n + 1, the readings behind the last.
  const edge = (index: number): string => `to_timestamp($${index + 3}::float8)`;
  const parts = levelsOf[bucket.from].map(
    (level, index) => `select bucket as time, sum, count, min, max, last, bad_count from visible_reading_${level}
        where signal_id = $1 and bucket >= ${edge(index)} and bucket < ${edge(index + 1)}`,
  );
  const tail = edge(edgesMs.length - 1);
  const rows = await connection.query<BucketRow & { is_tail: boolean }>(
    `with part as (
       ${parts.join('\n       union all ')}
       union all
       select time, usable, (usable is not null)::int, usable, usable, usable, (usable is null)::int
         from (select time, case when quality in (64, 192) then value end as usable from visible_reading
                where signal_id = $1 and time >= ${tail} and time < ${edge(edgesMs.length)}) r)
     select extract(epoch from date_bin(make_interval(secs => $2), time, 'epoch'))::float8 * 1000 as time_ms,
            sum(sum) as sum, sum(count)::int8 as count, min(min) as min, max(max) as max,
            (array_agg(last order by time desc) filter (where count > 0))[1] as last, sum(bad_count)::int8 as bad_count,
            max(time) >= ${tail} as is_tail
       from part group by 1 order by 1`,
    [signalId, bucket.seconds, ...edgesMs.map((ms) => ms / 1000), toMs / 1000],
  );
  return { rows, rawTailFromMs: rows.at(-1)?.is_tail === true ? (edgesMs.at(-1) ?? null) : null };
}

/** Where the rollup of a level ends: its newest bucket in the range, or the range's begin where it has none. */
async function findEdge(
  connection: Connection,
  level: keyof typeof lookBackMs,
  signalId: number,
  fromMs: number,
  toMs: number,
): Promise<number> {
  for (const startMs of new Set([Math.max(fromMs, toMs - lookBackMs[level]), fromMs])) {
    const [row] = await connection.query<{ at_ms: number | null }>(
      `select extract(epoch from max(bucket))::float8 * 1000 as at_ms from visible_reading_${level}
        where signal_id = $1 and bucket >= to_timestamp($2::float8) and bucket < to_timestamp($3::float8)`,
      [signalId, startMs / 1000, toMs / 1000],
    );
    if (row?.at_ms != null) return row.at_ms;
  }
  return fromMs;
}
