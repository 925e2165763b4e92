import type { Connection } from '../../core/database.ts';
import type { RegisteredSignal } from '../resolve/signal-registry.ts';
import type { Batch } from './batch.ts';
import { Outcome } from './insert-readings.ts';
import { epochTime } from './sql-arrays.ts';

/**
 * Rollups of the last two minutes are still being built; a reading older than that comes after its buckets. Analytics
 * builds them for four minutes (openMinutes in analytics/rollups/refresh-recent.ts): the two between are for what is left
 * to do after this was asked, the COMMIT above all.
 */
export const liveWindowMs = 120_000;

const hourUs = 3_600_000_000;
/** Beyond this many separate hours, neighbouring ranges are joined: a refresh of a longer range beats many short ones. */
const mostRanges = 200;
/**
 * With more touched signals than this in an average minute the range is noted without them and refreshed for all signals:
 * 1,781 signals of one minute take 93 ms as a whole and 0.2 ms each one by one. So it is after an outage of the database.
 * Ranges that were joined over holes are never so dense: a batch has 60,000 rows, and more than 200 hours are joined.
 */
const mostSignalsOfMinute = 300;
const minuteUs = 60_000_000;

interface Range {
  from_us: number;
  to_us: number;
  machines: Set<number>;
  /** The touched signals of each touched minute (its start in µs). */
  minutes: Map<number, Set<number>>;
}

/**
 * Notes which source times received data after their rollups were built, as ranges that do not span long holes (a
 * reading from 2014 and one from today are two ranges), with the minutes of the signals that are to be refreshed and the
 * machines whose states and counts must be recomputed.
 * `nowMs` is the time of storing by the database's clock, as analytics asks it: after an outage of the database the whole
 * backlog is late for the rollups. Answers whether there were any.
 */
export async function noteLateRanges(
  connection: Connection,
  batch: Batch,
  outcome: Uint8Array,
  nowMs: number,
  signal: (signalId: number) => RegisteredSignal | undefined,
): Promise<boolean> {
  const ranges = lateRanges(batch, outcome, nowMs, signal);
  if (ranges.length === 0) return false;
  await connection.execute(
    `insert into late_range (from_time, to_time, machine_ids, minute_signal_ids, minutes)
     select ${epochTime('(r->>0)::int8')}, ${epochTime('(r->>1)::int8')},
            array(select id::int from jsonb_array_elements_text(r->2) id),
            case when r->3 <> 'null' then array(select (m->>0)::int from jsonb_array_elements(r->3) with ordinality as e(m, at) order by at) end,
            case when r->3 <> 'null' then array(select ${epochTime('(m->>1)::int8')} from jsonb_array_elements(r->3) with ordinality as e(m, at) order by at) end
       from jsonb_array_elements($1::jsonb) r`,
    [JSON.stringify(ranges.map((range) => [range.from_us, range.to_us, [...range.machines], minutesOf(range)]))],
  );
  return true;
}

/** Pairs of signal and minute, or null when refreshing the range for all signals is cheaper. */
export function minutesOf(range: Range): [signalId: number, minuteUs: number][] | null {
  const pairs = [...range.minutes].flatMap(([minute, signals]) =>
    [...signals].map((signal): [number, number] => [signal, minute]),
  );
  return pairs.length <= mostSignalsOfMinute * range.minutes.size ? pairs : null;
}

/** The pure part of `noteLateRanges`. */
export function lateRanges(
  batch: Batch,
  outcome: Uint8Array,
  nowMs: number,
  signal: (signalId: number) => RegisteredSignal | undefined,
): Range[] {
  const limitUs = (nowMs - liveWindowMs) * 1000;
  const hours = new Map<number, Range>();
  for (let row = 0; row < batch.columns.length; row++) {
    const time = batch.columns.time_us[row] ?? 0;
    if (time >= limitUs || outcome[row] !== Outcome.stored) continue;
    const hour = Math.floor(time / hourUs);
    let range = hours.get(hour);
    if (range === undefined) {
      range = { from_us: time, to_us: time, machines: new Set(), minutes: new Map() };
      hours.set(hour, range);
    }
    if (time < range.from_us) range.from_us = time;
    if (time > range.to_us) range.to_us = time;
    const signalId = batch.columns.signal_id[row] ?? 0;
    const minute = Math.floor(time / minuteUs) * minuteUs;
    const signals = range.minutes.get(minute);
    if (signals === undefined) range.minutes.set(minute, new Set([signalId]));
    else signals.add(signalId);
    const registered = signal(signalId);
    if (registered !== undefined && registered.kind !== 'measurement') range.machines.add(registered.machine_id);
  }
  const sorted = [...hours].sort(([left], [right]) => left - right);
  for (let gapHours = 1; ; gapHours *= 4) {
    const joined = joinNeighbours(sorted, gapHours);
    if (joined.length <= mostRanges) return joined;
  }
}

function joinNeighbours(hours: readonly (readonly [number, Range])[], gapHours: number): Range[] {
  const joined: Range[] = [];
  let lastHour = Number.NEGATIVE_INFINITY;
  for (const [hour, range] of hours) {
    const last = joined.at(-1);
    if (last !== undefined && hour - lastHour <= gapHours) {
      last.to_us = range.to_us;
      for (const machine of range.machines) last.machines.add(machine);
      for (const [minute, signals] of range.minutes) last.minutes.set(minute, signals);
    } else {
      joined.push({ ...range, machines: new Set(range.machines), minutes: new Map(range.minutes) });
    }
    lastHour = hour;
  }
  return joined;
}
