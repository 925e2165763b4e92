import type { Connection } from '../../core/database.ts';
import type { MachineAlarm, Sensor } from './read-symptoms.ts';
import type { Diagnosis } from './signatures.ts';

/** The rule's name and version, frozen into the evidence. */
const diagnosisRule = 'signatures/1';
/** A sensor this far off is part of the picture. */
export const abnormal = 4;
/** So many signals are frozen at most, the furthest off first. */
const mostTrends = 8;
const mostPoints = 200;
/** What came after the last alarm belongs to it as well, as far as it is there. */
const afterMs = 5 * 60_000;

/** Why a fault was diagnosed, as it is stored for good (`evidence` of faults and work orders; README.md beside). */
export interface Evidence {
  rule: string;
  summary: string;
  scores: Diagnosis['scores'];
  symptoms: {
    signal_id: number;
    signal: string;
    quantity: string;
    unit: string;
    value: number | null;
    expected_value: number | null;
    deviation: number;
    score: number | null;
    since: string | null;
    sentence: string;
  }[];
  alarms: {
    alarm_id: number;
    kind: string;
    signal: string | null;
    message: string;
    raised_at: string;
    value: number | null;
    limit_value: number | null;
  }[];
  trend: Trend[];
}

/** How one signal went, frozen because raw readings are dropped one day: times in seconds since the epoch. */
interface Trend {
  signal_id: number;
  signal: string;
  unit: string;
  step_seconds: number;
  times: number[];
  values: number[];
  expected: number | null;
  limit_low_low: number | null;
  limit_low: number | null;
  limit_high: number | null;
  limit_high_high: number | null;
}

/** Gathers the evidence for a failure mode from the machine's alarms and sensors, and the trend of what deviates. */
export async function freezeEvidence(
  connection: Connection,
  mode: string,
  diagnosis: Diagnosis,
  alarms: readonly MachineAlarm[],
  sensors: readonly Sensor[],
): Promise<Evidence> {
  const telling = sensors
    .filter((sensor) => Math.abs(sensor.deviation) >= abnormal)
    .toSorted((a, b) => Math.abs(b.deviation) - Math.abs(a.deviation));
  const shown = (telling.length > 0 ? telling : sensors).slice(0, mostTrends);
  return {
    rule: diagnosisRule,
    summary: summarize(mode, alarms, telling),
    scores: diagnosis.scores,
    symptoms: telling.map((sensor) => ({
      signal_id: sensor.signal_id,
      signal: sensor.signal,
      quantity: sensor.quantity,
      unit: sensor.unit,
      value: sensor.value,
      expected_value: sensor.expected_value,
      deviation: sensor.deviation,
      score: sensor.score,
      since: sensor.since_ms === null ? null : new Date(sensor.since_ms).toISOString(),
      sentence: `${describe(sensor)}.`,
    })),
    alarms: alarms.map(({ alarm_id, kind, signal, message, raised_at, value, limit_value }) => ({
      alarm_id,
      kind,
      signal,
      message,
      raised_at,
      value,
      limit_value,
    })),
    trend: await readTrends(connection, shown, alarms),
  };
}

const modeNames: Record<string, string> = {
  bearing: 'bearing damage',
  overheating: 'overheating',
  tool_wear: 'tool wear',
  electrical: 'an electrical fault',
};

/** One plain sentence: what stands out, and what it looks like. */
function summarize(mode: string, alarms: readonly MachineAlarm[], telling: readonly Sensor[]): string {
  const [first, ...others] = telling;
  const seen = first === undefined ? undefined : describe(first);
  const code = mode.startsWith('plc_') ? `The controller reports fault code ${mode.slice(4)}` : undefined;
  if (code !== undefined) return seen === undefined ? `${code}.` : `${code}, and ${lower(seen)}.`;
  if (seen === undefined) return alarms.at(0)?.message ?? 'The machine behaves unusually.';
  const more = others.length === 0 ? '' : ` and ${others.map(({ signal }) => signal).join(', ')} unusual as well`;
  const name = modeNames[mode];
  return `${seen}${more}; ${name === undefined ? 'no known failure looks clearly like this' : `this looks like ${name}`}.`;
}

/** "Vibration is 9.1 mm/s, far above its usual 2.3 mm/s", without the full stop. */
function describe({ signal, unit, value, expected_value: expected, deviation }: Sensor): string {
  const side = deviation > 0 ? 'above' : 'below';
  const name = signal.slice(0, 1).toUpperCase() + signal.slice(1);
  if (value === null) return `${name} is ${side} its limit`;
  if (expected === null) return `${name} is ${amount(value, unit)}, ${side} its limit`;
  return `${name} is ${amount(value, unit)}, ${Math.abs(deviation) >= 12 ? 'far ' : ''}${side} its usual ${amount(expected, unit)}`;
}

function amount(value: number, unit: string): string {
  const digits = Number(value.toPrecision(3)).toString();
  // UCUM writes degrees Celsius as Cel and no unit as 1; people do not.
  return unit === '' || unit === '1' ? digits : `${digits} ${unit === 'Cel' ? '°C' : unit}`;
}

function lower(text: string): string {
  return text.slice(0, 1).toLowerCase() + text.slice(1);
}

/**
 * Each signal once: twice as long as the trouble has lasted, so that half of it shows how it was before; at least half
 * an hour and at most 200 minutes, in the finest of 10 s and 1 min steps that needs no more than 200 points.
 */
async function readTrends(
  connection: Connection,
  sensors: readonly Sensor[],
  alarms: readonly MachineAlarm[],
): Promise<Trend[]> {
  const untilMs = Math.max(...alarms.map((alarm) => alarm.raised_ms)) + afterMs;
  const sinceMs = Math.min(...alarms.map((alarm) => alarm.raised_ms), ...sensors.map((one) => one.since_ms ?? untilMs));
  const spanSeconds = Math.min(mostPoints * 60, Math.max(1800, (2 * (untilMs - sinceMs)) / 1000));
  const step = spanSeconds <= mostPoints * 10 ? 10 : 60;
  const rows = await connection.query<{ signal_id: number; times: number[]; values: number[] }>(
    `select signal_id, jsonb_agg(extract(epoch from bucket)::float8 order by bucket) as times,
            jsonb_agg(round(value::numeric, 4) order by bucket) as values
       from (select signal_id, date_bin($4 * interval '1 second', time, 'epoch') as bucket, avg(value) as value
               from reading
              where signal_id = any($1::int[]) and quality in (64, 192) and value is not null
                and time > to_timestamp($2::float8 / 1000) and time <= to_timestamp($3::float8 / 1000)
              group by 1, 2) point
      group by signal_id`,
    [sensors.map((sensor) => sensor.signal_id), untilMs - spanSeconds * 1000, untilMs, step],
  );
  const points = new Map(rows.map((row) => [row.signal_id, row]));
  return sensors.flatMap((sensor) => {
    const found = points.get(sensor.signal_id);
    if (found === undefined) return [];
    const { signal_id, signal, unit, expected_value: expected } = sensor;
    const { limit_low_low, limit_low, limit_high, limit_high_high } = sensor;
    const { times, values } = found;
    return {
      signal_id,
      signal,
      unit,
      step_seconds: step,
      times,
      values,
      expected,
      limit_low_low,
      limit_low,
      limit_high,
      limit_high_high,
    };
  });
}
