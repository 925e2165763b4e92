import type { Connection } from '../../core/database.ts';
import { decodeCursor, toPage } from '../cursor.ts';
import type { OeeBy, OeeItem, OeeLevel } from '../schemas/oee.ts';
import {
  basisSql,
  figureSums,
  levelColumns,
  levelKey,
  speaksForLine,
  toFigures,
  type FigureSums,
} from './oee-figures.ts';
import { addPlace, conditions, toRfc3339 } from './row.ts';

type Row = Omit<OeeItem, 'figures' | 'level'> & FigureSums;

/**
 * What a bucket is: a UTC hour, a shift, or a production day of the site (all shifts that carry its date, from the
 * first's begin to the last's end, so 23 or 25 hours long when the clocks change).
 */
const buckets: Record<OeeBy, { group: string; started: string; ended: string; date: string; shift: string }> = {
  hour: {
    group: "date_trunc('hour', o.started_at, 'UTC')",
    started: "date_trunc('hour', o.started_at, 'UTC')",
    ended: "date_trunc('hour', o.started_at, 'UTC') + interval '1 hour'",
    date: 'null::text',
    shift: 'null::text',
  },
  shift: {
    group: 'i.shift_instance_id, h.name',
    started: 'i.started_at',
    ended: 'i.ended_at',
    date: 'i.production_date::text',
    shift: 'h.name',
  },
  day: {
    group: 'i.production_date, d.started_at, d.ended_at',
    started: 'd.started_at',
    ended: 'd.ended_at',
    date: 'i.production_date::text',
    shift: 'null::text',
  },
};

/**
 * OEE of every unit of a level in every bucket that touches [from, to), oldest first. Buckets are whole: a shift that
 * began before `from` and reaches into the range is given with all its figures.
 */
export async function listOee(
  connection: Connection,
  query: {
    level: OeeLevel;
    by: OeeBy;
    from: string;
    to: string;
    site?: number | undefined;
    line?: number | undefined;
    machine?: number | undefined;
    limit: number;
    cursor?: string | undefined;
  },
): Promise<{ items: OeeItem[]; next: string | null }> {
  const { level, by } = query;
  const bucket = buckets[by];
  const where = conditions();
  addPlace(where, query);
  if (by === 'hour') {
    where.add("o.started_at >= date_trunc('hour', ?::timestamptz, 'UTC')", query.from);
    where.add('o.started_at < ?', query.to);
  } else {
    const range = by === 'shift' ? 'i' : 'd';
    where.add(`${range}.ended_at > ?`, query.from);
    where.add(`${range}.started_at < ?`, query.to);
  }
  if (level !== 'machine') where.add(speaksForLine, true);
  const after = decodeCursor(query.cursor, 'oee', ['time', 'number']);
  const having =
    after === undefined ? '' : `where (started_at, id) > (${after.map((part) => where.parameter(part)).join(', ')})`;
  const days = `cross join lateral (select min(started_at) as started_at, max(ended_at) as ended_at from shift_instance x
     where x.site_id = i.site_id and x.production_date = i.production_date) d`;
  const rows = await connection.query<Row>(
    `select * from (
       select ${levelColumns[level]}, ${basisSql(level)} as basis, s.time_zone,
              ${bucket.started} as started_at, ${bucket.ended} as ended_at, max(o.computed_to) as computed_to,
              ${bucket.date} as production_date, ${bucket.shift} as shift_name, ${figureSums(level)}
         from oee_slice o join shift_instance i using (shift_instance_id)
         ${by === 'shift' ? 'join shift h on h.shift_id = i.shift_id' : ''} ${by === 'day' ? days : ''}
         join machine m on m.machine_id = o.machine_id join line l on l.line_id = m.line_id join site s on s.site_id = l.site_id
         ${where.toSql()}
        group by ${levelKey[level]}, ${bucket.group}) u
     ${having} order by started_at, id limit ${where.parameter(query.limit + 1)}`,
    where.parameters,
  );
  const page = toPage(rows, query.limit, 'oee', (row) => [row.started_at, row.id]);
  return { items: page.items.map((row) => toItem(level, row)), next: page.next };
}

function toItem(level: OeeLevel, row: Row): OeeItem {
  return {
    level,
    id: row.id,
    name: row.name,
    title: row.title,
    site_id: row.site_id,
    line_id: row.line_id,
    basis: row.basis,
    started_at: toRfc3339(row.started_at),
    ended_at: toRfc3339(row.ended_at),
    computed_to: toRfc3339(row.computed_to),
    production_date: row.production_date,
    shift_name: row.shift_name,
    time_zone: row.time_zone,
    figures: toFigures(row),
  };
}
