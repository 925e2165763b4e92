import type { Connection } from '../../core/database.ts';
import { decodeCursor, toPage } from '../cursor.ts';
import type { Fault } from '../schemas/fault.ts';
import { addPlace, conditions, placeColumns, placeJoins, toRfc3339, toRfc3339OrNull, type Conditions } from './row.ts';

export interface FaultFilters {
  site?: number | undefined;
  line?: number | undefined;
  machine?: number | undefined;
  open?: 'true' | 'false' | undefined;
  failure_mode?: string | undefined;
  from?: string | undefined;
  to?: string | undefined;
}

/** Diagnosed failures, newest first. */
export async function listFaults(
  connection: Connection,
  query: FaultFilters & { limit: number; cursor?: string | undefined },
): Promise<{ items: Fault[]; next: string | null }> {
  const where = conditions();
  addPlace(where, query);
  where.add('f.failure_mode = ?', query.failure_mode);
  where.add('f.started_at >= ?', query.from);
  where.add('f.started_at < ?', query.to);
  if (query.open !== undefined) where.add(`f.ended_at is ${query.open === 'true' ? 'null' : 'not null'}`, true);
  const after = decodeCursor(query.cursor, 'faults', ['time', 'number']);
  if (after !== undefined)
    where.add(`(f.started_at, f.fault_id) < (${after.map((part) => where.parameter(part)).join(', ')})`, true);
  const rows = await selectFaults(connection, where, query.limit + 1);
  const page = toPage(rows, query.limit, 'faults', (row) => [row.started_at, row.fault_id]);
  return { items: page.items.map(toFault), next: page.next };
}

/** The newest `most` of these faults; those of other organizations are left out by row-level security. */
export async function readFaults(connection: Connection, faultIds: readonly number[], most: number): Promise<Fault[]> {
  const where = conditions();
  where.add('f.fault_id = any(?)', faultIds);
  return (await selectFaults(connection, where, most)).map(toFault);
}

function selectFaults(connection: Connection, where: Conditions, limit: number): Promise<Fault[]> {
  return connection.query<Fault>(
    `select f.fault_id, ${placeColumns}, f.failure_mode, f.started_at, f.ended_at, f.detected_at, f.confidence, f.severity,
            to_json(f.alarm_ids) as alarm_ids, f.evidence,
            (select max(w.work_order_id) from work_order w where w.fault_id = f.fault_id) as work_order_id
       from fault f join machine m on m.machine_id = f.machine_id ${placeJoins} ${where.toSql()}
      order by f.started_at desc, f.fault_id desc limit ${where.parameter(limit)}`,
    where.parameters,
  );
}

function toFault(row: Fault): Fault {
  return {
    ...row,
    started_at: toRfc3339(row.started_at),
    ended_at: toRfc3339OrNull(row.ended_at),
    detected_at: toRfc3339(row.detected_at),
  };
}
