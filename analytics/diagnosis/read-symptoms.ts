import type { Connection } from '../../core/database.ts';
import type { Symptom } from './signatures.ts';

/** An alarm that is active, or belongs to an open fault. */
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
  value: number | null;
  expected_value: number | null;
}

/** A limit alarm of a sensor whose detector has no opinion (still learning, machine stopped) counts as this many spreads. */
const limitDeviation = 12;

/** Active alarms, and those of open faults; not those about the data, which say nothing of the machine itself. */
export async function readAlarms(connection: Connection, machineId: number): Promise<MachineAlarm[]> {
  return connection.query<MachineAlarm>(
    `select a.alarm_id, a.signal_id, s.name as signal, s.quantity, a.kind, a.state, a.priority, a.raised_at, a.returned_at,
            a.limit_value, a.value, a.message,
            (extract(epoch from a.raised_at) * 1000)::float8 as raised_ms, (extract(epoch from a.returned_at) * 1000)::float8 as returned_ms
       from alarm a left join signal s using (signal_id)
      where a.machine_id = $1 and a.kind not in ('stale', 'ledger', 'rollup')
        and (a.returned_at is null
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
    `select s.signal_id, s.name as signal, s.quantity, s.unit, a.score, a.value, a.expected_value, a.deviation,
            (extract(epoch from o.started_at) * 1000)::float8 as since_ms
       from signal s
       left join anomaly_score a using (signal_id)
       left join anomaly o on o.signal_id = s.signal_id and o.ended_at is null
      where s.machine_id = $1 and s.kind = 'measurement' order by s.signal_id`,
    [machineId],
  );
  return rows.map((row) => {
    let deviation = row.deviation ?? 0;
    let since = row.since_ms;
    for (const alarm of alarms) {
      if (alarm.signal_id !== row.signal_id || alarm.returned_at !== null || !alarm.kind.startsWith('limit_')) continue;
      const least = alarm.kind.startsWith('limit_high') ? limitDeviation : -limitDeviation;
      if (Math.abs(deviation) < limitDeviation || Math.sign(deviation) !== Math.sign(least)) deviation = least;
      since = Math.min(since ?? alarm.raised_ms, alarm.raised_ms);
    }
    return { ...row, deviation, since_ms: since };
  });
}

/** What the trend of a fault shows, frozen because raw readings are dropped one day: times in seconds since the epoch. */
export interface Trend {
  signal_id: number;
  signal: string;
  unit: string;
  step_seconds: number;
  times: number[];
  values: number[];
}

/** Six hours by the minute and the last fifteen minutes by ten seconds, up to `untilMs`, of the given signals. */
export async function readTrend(
  connection: Connection,
  signalIds: readonly number[],
  untilMs: number,
): Promise<Trend[]> {
  return connection.query<Trend>(
    `with point as (
       select signal_id, 60 as step_seconds, bucket as time, sum / count as value
         from reading_1m
        where signal_id = any($1::int[]) and count > 0
          and bucket >= to_timestamp($2::float8 / 1000) - interval '6 hours' and bucket < to_timestamp($2::float8 / 1000)
       union all
       select signal_id, 10, date_bin('10 seconds', time, 'epoch'), avg(value)
         from reading
        where signal_id = any($1::int[]) and quality in (64, 192) and value is not null
          and time >= to_timestamp($2::float8 / 1000) - interval '15 minutes' and time <= to_timestamp($2::float8 / 1000)
        group by 1, 3)
     select s.signal_id, s.name as signal, s.unit, p.step_seconds,
            jsonb_agg(extract(epoch from p.time)::float8 order by p.time) as times,
            jsonb_agg(round(p.value::numeric, 4) order by p.time) as values
       from point p join signal s using (signal_id)
      group by s.signal_id, s.name, s.unit, p.step_seconds order by s.signal_id, p.step_seconds`,
    [signalIds, untilMs],
  );
}
