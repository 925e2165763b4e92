import type { Connection } from '../../core/database.ts';
import { decodeCursor, toPage } from '../cursor.ts';
import type { Discovered } from '../schemas/discovered.ts';
import { conditions, toRfc3339 } from './row.ts';

/** Addresses that speak and are mapped to nothing, the most recently heard first. */
export async function listDiscovered(
  connection: Connection,
  query: {
    limit: number;
    cursor?: string | undefined;
    source?: number | undefined;
    ignored?: 'true' | 'false' | undefined;
    q?: string | undefined;
  },
): Promise<{ items: Discovered[]; next: string | null }> {
  const where = conditions(unmapped);
  where.add('d.source_id = ?', query.source);
  where.add('strpos(lower(d.address), lower(?)) > 0', query.q);
  if (query.ignored !== undefined) where.add(query.ignored === 'true' ? 'd.ignored' : 'not d.ignored', true);
  const after = decodeCursor(query.cursor, 'discovered', ['number']);
  where.add('d.discovered_address_id < ?', after?.[0]);
  const rows = await connection.query<Discovered>(
    `select d.discovered_address_id, d.source_id, s.name as source_name, d.protocol, d.address, d.first_seen_at, d.last_seen_at,
            d.readings, (select count(*)::int from parked_reading p where p.discovered_address_id = d.discovered_address_id) as parked,
            d.sample, d.ignored
       from discovered_address d join source s using (source_id) ${where.toSql()}
      order by d.discovered_address_id desc limit ${where.parameter(query.limit + 1)}`,
    where.parameters,
  );
  const page = toPage(rows, query.limit, 'discovered', (row) => [row.discovered_address_id]);
  const items = page.items.map((row) => ({
    ...row,
    first_seen_at: toRfc3339(row.first_seen_at),
    last_seen_at: toRfc3339(row.last_seen_at),
  }));
  return { items, next: page.next };
}

// A mapped address may stay in the table until ingest has stored what was parked under it.
const unmapped = `not exists (select from signal_source x
  where x.organization_id = d.organization_id and x.protocol = d.protocol and x.server = '' and x.address = d.address)`;

/** Answers false when there is no such address. */
export async function ignoreDiscovered(connection: Connection, id: number, ignored: boolean): Promise<boolean> {
  return (
    (await connection.execute('update discovered_address set ignored = $2 where discovered_address_id = $1', [
      id,
      ignored,
    ])) === 1
  );
}
