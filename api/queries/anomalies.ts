import type { Connection } from '../../core/database.ts';
import { decodeCursor, toPage } from '../cursor.ts';
import type { Anomaly } from '../schemas/anomaly.ts';
import { addPlace, conditions, placeColumns, placeJoins, toFinite, toRfc3339, toRfc3339OrNull } from './row.ts';

/** Stretches of unusual behaviour, newest first. */
export async function listAnomalies(
  connection: Connection,
  query: {
    limit: number;
    cursor?: string | undefined;
    site?: number | undefined;
    line?: number | undefined;
    machine?: number | undefined;
    signal?: number | undefined;
    open?: 'true' | 'false' | undefined;
    from?: string | undefined;
    to?: string | undefined;
  },
): Promise<{ items: Anomaly[]; next: string | null }> {
  const where = conditions();
  addPlace(where, query);
  where.add('a.signal_id = ?', query.signal);
  where.add('a.started_at >= ?', query.from);
  where.add('a.started_at < ?', query.to);
  if (query.open !== undefined) where.add(`a.ended_at is ${query.open === 'true' ? 'null' : 'not null'}`, true);
  const after = decodeCursor(query.cursor, 'anomalies', ['time', 'number']);
  if (after !== undefined)
    where.add(`(a.started_at, a.anomaly_id) < (${after.map((part) => where.parameter(part)).join(', ')})`, true);
  const rows = await connection.query<Anomaly>(
    `select a.anomaly_id, ${placeColumns}, a.signal_id, g.name as signal_name, g.unit, a.started_at, a.ended_at,
            a.peak_score, a.value, a.expected_value, a.detector
       from anomaly a join machine m on m.machine_id = a.machine_id ${placeJoins} join signal g on g.signal_id = a.signal_id
       ${where.toSql()} order by a.started_at desc, a.anomaly_id desc limit ${where.parameter(query.limit + 1)}`,
    where.parameters,
  );
  const page = toPage(rows, query.limit, 'anomalies', (row) => [row.started_at, row.anomaly_id]);
  const items = page.items.map((row) => ({
    ...row,
    value: toFinite(row.value),
    expected_value: toFinite(row.expected_value),
    started_at: toRfc3339(row.started_at),
    ended_at: toRfc3339OrNull(row.ended_at),
  }));
  return { items, next: page.next };
}
