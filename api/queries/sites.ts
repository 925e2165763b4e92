import type { Connection } from '../../core/database.ts';
import { decodeCursor, toPage } from '../cursor.ts';
import type { Line, Site } from '../schemas/site.ts';
import { conditions } from './row.ts';

interface Page<Item> {
  items: Item[];
  next: string | null;
}

/** The sites of the organization by name, with how much they hold. */
export async function listSites(
  connection: Connection,
  query: { limit: number; cursor?: string | undefined },
): Promise<Page<Site>> {
  const where = conditions();
  where.add('s.name > ?', decodeCursor(query.cursor, 'sites', ['string'])?.[0]);
  const rows = await connection.query<Site>(
    `select s.site_id, s.name, s.title, s.time_zone,
            (select count(*)::int from line l where l.site_id = s.site_id) as lines,
            (select count(*)::int from machine m join line l using (line_id) where l.site_id = s.site_id) as machines
       from site s ${where.toSql()}
      order by s.name limit ${where.parameter(query.limit + 1)}`,
    where.parameters,
  );
  return toPage(rows, query.limit, 'sites', (row) => [row.name]);
}

/** The lines by site and position. */
export async function listLines(
  connection: Connection,
  query: { limit: number; cursor?: string | undefined; site?: number | undefined },
): Promise<Page<Line>> {
  const where = conditions();
  where.add('l.site_id = ?', query.site);
  const after = decodeCursor(query.cursor, 'lines', ['string', 'number', 'number']);
  if (after !== undefined) {
    where.add(`(s.name, l.position, l.line_id) > (${after.map((part) => where.parameter(part)).join(', ')})`, true);
  }
  const rows = await connection.query<Line>(
    `select l.line_id, l.site_id, s.name as site_name, s.title as site_title, s.time_zone, l.name, l.title, l.position,
            count(m.machine_id)::int as machines,
            min(m.machine_id) filter (where m.is_constraint) as constraint_machine_id
       from line l join site s using (site_id) left join machine m using (line_id)
       ${where.toSql()}
      group by l.line_id, s.site_id
      order by s.name, l.position, l.line_id limit ${where.parameter(query.limit + 1)}`,
    where.parameters,
  );
  return toPage(rows, query.limit, 'lines', (row) => [row.site_name, row.position, row.line_id]);
}
