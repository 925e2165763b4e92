import type { Connection } from '../../core/database.ts';
import type { Symptom } from './signatures.ts';

/** Alarms that are reason enough for work by themselves: the machine stopped itself, or is beyond what its maker allows. */
export const certainKinds: readonly string[] = ['fault_code', 'limit_high_high', 'limit_low_low'];

/**
 * A certain alarm `a` that came and went before any diagnosis looked: in no fault, and never on a shelf. Older ones are
 * left alone, because nobody acts on what was over days ago.
 */
export const missedSql = `a.returned_at is not null and a.raised_at > now() - interval '3 days'
  and a.kind in (${certainKinds.map((kind) => `'${kind}'`).join(', ')})
  and a.state not in ('shelved', 'suppressed', 'out_of_service') and a.shelved_by is null
  and not exists (select 1 from fault f where f.machine_id = a.machine_id and a.alarm_id = any(f.alarm_ids))`;

/** An alarm that is active, belongs to an open fault, or was missed. */
export interface MachineAlarm {
  alarm_id: number;
  signal_id: number | null;
  signal: string | null;
  quantity: string | null;
  kind: string;
  state: string;
  priority: number;
  raised_at: string;
  raised_ms: number;
  returned_at: string | null;
  returned_ms: number | null;
  limit_value: number | null;
  value: number | null;
  message: string;
}

/** One measurement of the machine as the detector sees it. */
export interface Sensor extends Symptom {
  signal_id: number;
  signal: string;
  unit: string;
  score: number | null;
  /** Source time of the score, null before the first. */
  scored_ms: number | null;
  value: number | null;
  expected_value: number | null;
  limit_high: number | null;
  limit_high_high: number | null;
  limit_low: number | null;
  limit_low_low: number | null;
}

/** A limit alarm of a sensor whose detector has no opinion (still learning, machine stopped) counts as this many spreads. */
const limitDeviation = 12;

/** Active alarms, those of open faults, and those that were missed; not those about the data, which say nothing of the machine itself. */
export async function readAlarms(connection: Connection, machineId: number): Promise<MachineAlarm[]> {
  return connection.query<MachineAlarm>(
    `select a.alarm_id, a.signal_id, s.name as signal, s.quantity, a.kind, a.state, a.priority,
            to_char(a.raised_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') as raised_at, a.returned_at,
            a.limit_value, a.value, a.message,
            (extract(epoch from a.raised_at) * 1000)::float8 as raised_ms, (extract(epoch from a.returned_at) * 1000)::float8 as returned_ms
       from alarm a left join signal s using (signal_id)
      where a.machine_id = $1 and a.kind not in ('stale', 'ledger', 'rollup', 'gateway')
        and (a.returned_at is null or ${missedSql}
             or a.alarm_id = any(select unnest(alarm_ids) from fault where machine_id = $1 and ended_at is null))
      order by a.raised_at, a.alarm_id`,
    [machineId],
  );
}

/** The machine's sensors with their deviations; active limit alarms raise a deviation that says less than they do. */
export async function readSensors(
  connection: Connection,
  machineId: number,
  alarms: readonly MachineAlarm[],
): Promise<Sensor[]> {
  const rows = await connection.query<Omit<Sensor, 'deviation'> & { deviation: number | null }>(
    `select s.signal_id, s.name as signal, s.quantity, s.unit, s.limit_high, s.limit_high_high, s.limit_low, s.limit_low_low, a.score, a.value, a.expected_value, a.deviation,
            (extract(epoch from o.started_at) * 1000)::float8 as since_ms, (extract(epoch from a.time) * 1000)::float8 as scored_ms
       from signal s
       left join anomaly_score a using (signal_id)
       left join anomaly o on o.signal_id = s.signal_id and o.ended_at is null
      where s.machine_id = $1 and s.kind = 'measurement' order by s.signal_id`,
    [machineId],
  );
  return rows.map((row) => {
    let deviation = row.deviation ?? 0;
    let since = row.since_ms;
    let { value } = row;
    for (const alarm of alarms) {
      if (alarm.signal_id !== row.signal_id || alarm.returned_at !== null || !alarm.kind.startsWith('limit_')) continue;
      const least = alarm.kind.startsWith('limit_high') ? limitDeviation : -limitDeviation;
      if (Math.abs(deviation) < limitDeviation || Math.sign(deviation) !== Math.sign(least)) deviation = least;
      since = Math.min(since ?? alarm.raised_ms, alarm.raised_ms);
      // A detector that is learning has no value, and an average that is slow one from before the alarm.
      if (alarm.value !== null && Math.abs(row.deviation ?? 0) < limitDeviation) value = alarm.value;
    }
    return { ...row, value, deviation, since_ms: since };
  });
}
