import type { Connection } from '../../core/database.ts';
import { decodeCursor, toPage } from '../cursor.ts';
import type { Reliability } from '../schemas/reliability.ts';
import { addPlace, conditions, placeColumns, placeJoins, toRfc3339 } from './row.ts';

/** MTBF and MTTR by machine and window. */
export async function listReliability(
  connection: Connection,
  query: {
    limit: number;
    cursor?: string | undefined;
    site?: number | undefined;
    line?: number | undefined;
    machine?: number | undefined;
    window_days?: number | undefined;
  },
): Promise<{ items: Reliability[]; next: string | null }> {
  const where = conditions();
  addPlace(where, query);
  where.add('r.window_days = ?', query.window_days);
  const after = decodeCursor(query.cursor, 'reliability', ['number', 'number']);
  if (after !== undefined)
    where.add(`(r.machine_id, r.window_days) > (${after.map((part) => where.parameter(part)).join(', ')})`, true);
  const rows = await connection.query<Reliability>(
    `select ${placeColumns}, r.window_days, r.window_start, r.window_end, r.operating_seconds, r.down_seconds,
            r.no_data_seconds, r.failures, r.repairs, r.mtbf_operating_seconds, r.mtbf_operating_lower_seconds, r.mtbf_operating_upper_seconds,
            r.mttr_restore_seconds, r.availability, r.computed_at
       from reliability r join machine m on m.machine_id = r.machine_id ${placeJoins} ${where.toSql()}
      order by r.machine_id, r.window_days limit ${where.parameter(query.limit + 1)}`,
    where.parameters,
  );
  const page = toPage(rows, query.limit, 'reliability', (row) => [row.machine_id, row.window_days]);
  const items = page.items.map((row) => ({
    ...row,
    window_start: toRfc3339(row.window_start),
    window_end: toRfc3339(row.window_end),
    computed_at: toRfc3339(row.computed_at),
  }));
  return { items, next: page.next };
}
