import type { Connection } from '../../core/database.ts';
import { decodeCursor, toPage } from '../cursor.ts';
import type { DowntimeBar, DowntimeInterval } from '../schemas/downtime.ts';
import type { MachineStateName } from '../schemas/machine.ts';
import { addPlace, conditions, placeColumns, placeJoins, toRfc3339, toRfc3339OrNull, type Conditions } from './row.ts';

export interface DowntimeFilters {
  from: string;
  to: string;
  site?: number | undefined;
  line?: number | undefined;
  machine?: number | undefined;
  state?: MachineStateName | undefined;
  include: 'stops' | 'all';
}

/** State intervals that touch [from, to), newest first, their seconds clipped to the range and to what is known of the machine by `nowMs`. */
export async function listDowntime(
  connection: Connection,
  query: DowntimeFilters & { limit: number; cursor?: string | undefined },
  nowMs: number,
): Promise<{ items: DowntimeInterval[]; next: string | null }> {
  const where = filter(query);
  const seconds = clippedSeconds(where, query, nowMs);
  const after = decodeCursor(query.cursor, 'downtime', ['time', 'number']);
  if (after !== undefined) {
    where.add(`(t.started_at, t.machine_state_id) < (${after.map((part) => where.parameter(part)).join(', ')})`, true);
  }
  const rows = await connection.query<DowntimeInterval>(
    `select t.machine_state_id, ${placeColumns}, t.state, t.started_at, t.ended_at, ${seconds} as seconds, t.packml_state, t.fault_code
       from machine_state t join machine m on m.machine_id = t.machine_id ${placeJoins} ${progressJoin} ${where.toSql()}
      order by t.started_at desc, t.machine_state_id desc limit ${where.parameter(query.limit + 1)}`,
    where.parameters,
  );
  const page = toPage(rows, query.limit, 'downtime', (row) => [row.started_at, row.machine_state_id]);
  const items = page.items.map((row) => ({
    ...row,
    started_at: toRfc3339(row.started_at),
    ended_at: toRfc3339OrNull(row.ended_at),
  }));
  return { items, next: page.next };
}

/** How long machines stood, by state and fault code, longest first; never running time. */
export async function readDowntimePareto(
  connection: Connection,
  query: DowntimeFilters,
  nowMs: number,
): Promise<DowntimeBar[]> {
  const where = filter({ ...query, include: 'stops' });
  const seconds = clippedSeconds(where, query, nowMs);
  return connection.query<DowntimeBar>(
    `select t.state, t.fault_code, sum(${seconds}) as seconds, count(*)::int as stops, count(distinct t.machine_id)::int as machines
       from machine_state t join machine m on m.machine_id = t.machine_id ${placeJoins} ${progressJoin} ${where.toSql()}
      group by t.state, t.fault_code order by seconds desc, t.state, t.fault_code`,
    where.parameters,
  );
}

function filter(query: DowntimeFilters): Conditions {
  const where = conditions();
  addPlace(where, query);
  where.add('t.started_at < ?', query.to);
  where.add("coalesce(t.ended_at, 'infinity') > ?", query.from);
  where.add('t.state = ?', query.state);
  if (query.include === 'stops') where.add("t.state <> 'running'", true);
  return where;
}

/** An open interval is counted up to where the machine was last heard, never up to a now that nobody knows of. */
const progressJoin = 'left join machine_progress k on k.machine_id = m.machine_id';

function clippedSeconds(where: Conditions, query: DowntimeFilters, nowMs: number): string {
  const from = where.parameter(query.from);
  const to = where.parameter(query.to);
  const now = where.parameter(nowMs / 1000);
  return `greatest(0, extract(epoch from least(coalesce(t.ended_at, k.known_to, to_timestamp(${now}::float8)), to_timestamp(${now}::float8), ${to}::timestamptz) - greatest(t.started_at, ${from}::timestamptz)))::float8`;
}
