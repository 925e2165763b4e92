import type { Connection } from '../../core/database.ts';
import { decodeCursor, toPage } from '../cursor.ts';
import type { GapRow } from '../schemas/ledger.ts';
import { conditions, toRfc3339 } from './row.ts';

/**
 * Hours in which a sensor gave less than the share `below` of the readings its expected interval promises, newest first.
 * Stored readings of any quality count as arrived. Hours are whole UTC hours that ended before `to`; hours without any
 * reading count as 0, from the sensor's first hour in the rollup on.
 */
export async function listGaps(
  connection: Connection,
  query: {
    from: string;
    to: string;
    below: number;
    line?: number | undefined;
    machine?: number | undefined;
    signal?: number | undefined;
    limit: number;
    cursor?: string | undefined;
  },
): Promise<{ items: GapRow[]; next: string | null }> {
  const where = conditions("g.kind = 'measurement'");
  where.add('m.line_id = ?', query.line);
  where.add('m.machine_id = ?', query.machine);
  where.add('g.signal_id = ?', query.signal);
  const from = where.parameter(query.from);
  const to = where.parameter(query.to);
  const below = where.parameter(query.below);
  const after = decodeCursor(query.cursor, ['string', 'number']);
  const behind =
    after === undefined ? '' : `and (hour, -signal_id) < (${after.map((part) => where.parameter(part)).join(', ')})`;
  const rows = await connection.query<GapRow>(
    `with hours as (
       select h as hour from generate_series(date_trunc('hour', ${from}::timestamptz, 'UTC'),
                                             date_trunc('hour', ${to}::timestamptz, 'UTC') - interval '1 hour', interval '1 hour') h),
     stored as (
       select bucket as hour, signal_id, count + bad_count as stored from visible_reading_1h
        where bucket >= date_trunc('hour', ${from}::timestamptz, 'UTC') and bucket < ${to}::timestamptz),
     began as (select signal_id, min(hour) as hour from stored group by signal_id)
     select * from (
       select g.signal_id, g.name as signal_name, m.machine_id, m.name as machine_name, h.hour,
              round(3600 / g.expected_interval_seconds)::int as expected, coalesce(r.stored, 0)::int as stored,
              coalesce(r.stored, 0) / (3600 / g.expected_interval_seconds) as coverage
         from signal g join machine m using (machine_id) join began b on b.signal_id = g.signal_id
         join hours h on h.hour >= b.hour left join stored r on r.signal_id = g.signal_id and r.hour = h.hour
         ${where.toSql()}) u
      where coverage < ${below} ${behind}
      order by hour desc, signal_id limit ${where.parameter(query.limit + 1)}`,
    where.parameters,
  );
  const page = toPage(rows, query.limit, (row) => [row.hour, -row.signal_id]);
  return { items: page.items.map((row) => ({ ...row, hour: toRfc3339(row.hour) })), next: page.next };
}
