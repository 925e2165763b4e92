import type { Connection } from '../../core/database.ts';
import { decodeCursor, toPage } from '../cursor.ts';
import type { Machine, MachineStateName } from '../schemas/machine.ts';
import { addPlace, conditions, placeColumns, placeJoins, toRfc3339, toRfc3339OrNull } from './row.ts';

interface MachineRow extends Omit<Machine, 'state'> {
  state: MachineStateName | null;
  since: string | null;
  known_to: string | null;
  packml_state: number | null;
  fault_code: number | null;
}

/** Alarms that need a person; the same words as alarmCounts (schemas/alarm.ts). */
export const openAlarm = "in ('unacknowledged', 'acknowledged', 'returned_unacknowledged')";
export const finishedOrder = "in ('closed', 'rejected', 'cancelled', 'merged')";

/** Columns of a machine in a list, on the aliases m, l, s, the open state interval t and the counts a and w of `machineJoins`. */
export const machineColumns = `${placeColumns}, m.machine_class, m.criticality, m.is_constraint, m.position,
  t.state, t.started_at as since, k.known_to, t.packml_state, t.fault_code,
  a.open_alarms, a.highest_priority, w.open_work_orders`;
export const machineJoins = `${placeJoins}
  left join machine_state t on t.machine_id = m.machine_id and t.ended_at is null
  left join machine_progress k on k.machine_id = m.machine_id
  cross join lateral (select count(*)::int as open_alarms, min(priority)::int as highest_priority
                        from alarm where alarm.machine_id = m.machine_id and alarm.state ${openAlarm}) a
  cross join lateral (select count(*)::int as open_work_orders
                        from work_order o where o.machine_id = m.machine_id and o.state not ${finishedOrder}) w`;

export function toMachine<Row extends MachineRow>({ state, since, known_to, packml_state, fault_code, ...row }: Row) {
  return {
    ...row,
    state:
      state === null || since === null
        ? null
        : { state, since: toRfc3339(since), known_to: toRfc3339OrNull(known_to), packml_state, fault_code },
  };
}

/** Machines by site, line and position, with their present state and what is open on them. */
export async function listMachines(
  connection: Connection,
  query: {
    limit: number;
    cursor?: string | undefined;
    site?: number | undefined;
    line?: number | undefined;
    state?: MachineStateName | undefined;
    q?: string | undefined;
  },
): Promise<{ items: Machine[]; next: string | null }> {
  const where = conditions();
  addPlace(where, query);
  where.add('t.state = ?', query.state);
  where.add("strpos(lower(m.name || ' ' || m.title), lower(?)) > 0", query.q);
  const after = decodeCursor(query.cursor, 'machines', ['string', 'number', 'number', 'number']);
  if (after !== undefined) {
    where.add(
      `(s.name, l.position, m.position, m.machine_id) > (${after.map((part) => where.parameter(part)).join(', ')})`,
      true,
    );
  }
  const rows = await connection.query<MachineRow & { line_position: number }>(
    `select ${machineColumns}, l.position as line_position
       from machine m ${machineJoins} ${where.toSql()}
      order by s.name, l.position, m.position, m.machine_id limit ${where.parameter(query.limit + 1)}`,
    where.parameters,
  );
  const page = toPage(rows, query.limit, 'machines', (row) => [
    row.site_name,
    row.line_position,
    row.position,
    row.machine_id,
  ]);
  return { items: page.items.map(toMachine), next: page.next };
}
