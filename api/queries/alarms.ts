import type { Connection } from '../../core/database.ts';
import { decodeCursor, toPage } from '../cursor.ts';
import type { Alarm, AlarmKind, AlarmState } from '../schemas/alarm.ts';
import { openAlarm } from './machines.ts';
import {
  addPlace,
  conditions,
  placeColumns,
  placeJoins,
  toFinite,
  toRfc3339,
  toRfc3339OrNull,
  type Conditions,
} from './row.ts';

const alarmColumns = `a.alarm_id, ${placeColumns}, a.signal_id, g.name as signal_name, g.unit, a.kind, a.priority, a.state,
  a.returned_at is null as active, a.raised_at, a.detected_at, a.returned_at, a.acknowledged_at, e.name as acknowledged_by,
  a.note, a.shelved_until, h.name as shelved_by, a.limit_value, a.value, a.peak_value, a.message,
  (select count(*)::int from alarm before
    where before.machine_id = a.machine_id and coalesce(before.signal_id, 0) = coalesce(a.signal_id, 0) and before.kind = a.kind
      and before.raised_at between a.raised_at - interval '24 hours' and a.raised_at
      and (a.kind <> 'fault_code' or before.value = a.value)) as occurrences`;
const alarmJoins = `join machine m on m.machine_id = a.machine_id ${placeJoins}
  left join signal g on g.signal_id = a.signal_id left join employee e on e.employee_id = a.acknowledged_by
  left join employee h on h.employee_id = a.shelved_by and a.state = 'shelved'`;

export interface AlarmFilters {
  site?: number | undefined;
  line?: number | undefined;
  machine?: number | undefined;
  signal?: number | undefined;
  state?: AlarmState | undefined;
  kind?: AlarmKind | undefined;
  priority?: number | undefined;
  open?: 'true' | 'false' | undefined;
  from?: string | undefined;
  to?: string | undefined;
}

/** Alarms, newest first by the time their condition began. */
export async function listAlarms(
  connection: Connection,
  query: AlarmFilters & { limit: number; cursor?: string | undefined },
): Promise<{ items: Alarm[]; next: string | null }> {
  const where = conditions();
  addPlace(where, query);
  where.add('a.signal_id = ?', query.signal);
  where.add('a.state = ?', query.state);
  where.add('a.kind = ?', query.kind);
  where.add('a.priority = ?', query.priority);
  where.add('a.raised_at >= ?', query.from);
  where.add('a.raised_at < ?', query.to);
  if (query.open !== undefined) where.add(`a.state ${query.open === 'true' ? '' : 'not '}${openAlarm}`, true);
  const after = decodeCursor(query.cursor, 'alarms', ['time', 'number']);
  if (after !== undefined)
    where.add(`(a.raised_at, a.alarm_id) < (${after.map((part) => where.parameter(part)).join(', ')})`, true);
  const rows = await selectAlarms(connection, where, query.limit + 1);
  const page = toPage(rows, query.limit, 'alarms', (row) => [row.raised_at, row.alarm_id]);
  return { items: page.items.map(toAlarm), next: page.next };
}

/** The newest `most` of these alarms; those of other organizations are left out by row-level security. */
export async function readAlarms(
  connection: Connection,
  alarmIds: readonly number[],
  most = alarmIds.length,
): Promise<Alarm[]> {
  const where = conditions();
  where.add('a.alarm_id = any(?)', alarmIds);
  return (await selectAlarms(connection, where, most)).map(toAlarm);
}

function selectAlarms(connection: Connection, where: Conditions, limit: number): Promise<Alarm[]> {
  return connection.query<Alarm>(
    `select ${alarmColumns} from alarm a ${alarmJoins} ${where.toSql()}
      order by a.raised_at desc, a.alarm_id desc limit ${where.parameter(limit)}`,
    where.parameters,
  );
}

function toAlarm(row: Alarm): Alarm {
  return {
    ...row,
    limit_value: toFinite(row.limit_value),
    value: toFinite(row.value),
    peak_value: toFinite(row.peak_value),
    raised_at: toRfc3339(row.raised_at),
    detected_at: toRfc3339(row.detected_at),
    returned_at: toRfc3339OrNull(row.returned_at),
    acknowledged_at: toRfc3339OrNull(row.acknowledged_at),
    shelved_until: toRfc3339OrNull(row.shelved_until),
  };
}
