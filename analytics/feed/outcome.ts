import type { AnomalyChange } from '../anomaly/detector.ts';
import type { Interval } from '../states/machine-states.ts';

/** An alarm that began or ended; `slot` -1 stands for the machine as a whole. */
export interface AlarmChange {
  machine: number;
  slot: number;
  kind: 'limit_low_low' | 'limit_low' | 'limit_high' | 'limit_high_high' | 'anomaly' | 'fault_code';
  raised: boolean;
  at_us: number;
  limit: number | null;
  value: number | null;
}

/** Counts of one machine, minute, order and kind of knowledge, to be added to what is there. */
export interface CountChange {
  machine: number;
  minute_us: number;
  /** Text id of the running order's product code; 0: none known. */
  order: number;
  observed: boolean;
  total: number;
  good: number;
  reject: number;
}

/** A reading that came after a newer one of its signal and may change what was derived. */
export interface LateReading {
  machine: number;
  slot: number;
  time_us: number;
  /** NaN: not usable. */
  value: number;
}

/** What processing changed since the last checkpoint, to be written together with the cursor and the memories. */
export interface Outcome {
  /** Per machine, by start of the interval; null: an interval that was drawn and never was. */
  intervals: Map<number, Map<number, Interval | null>>;
  counts: Map<string, CountChange>;
  alarms: AlarmChange[];
  anomalies: ({ slot: number } & AnomalyChange)[];
  late: LateReading[];
  /** Per machine: the range of times heard out of order; matters only where it meets a no_data interval. */
  late_heard: Map<number, { from_us: number; to_us: number }>;
  /** Per machine: ranges that must be computed again. */
  recompute: { machine: number; from_us: number; to_us: number }[];
  rows: number;
}

export function createOutcome(): Outcome {
  return {
    intervals: new Map(),
    counts: new Map(),
    alarms: [],
    anomalies: [],
    late: [],
    late_heard: new Map(),
    recompute: [],
    rows: 0,
  };
}

/** Whether something happened that people or other workers wait for. */
export function isUrgent(outcome: Outcome): boolean {
  return outcome.intervals.size > 0 || outcome.alarms.length > 0 || outcome.anomalies.length > 0;
}

export function noteInterval(outcome: Outcome, machine: number, startedUs: number, interval: Interval | null): void {
  let changes = outcome.intervals.get(machine);
  if (changes === undefined) {
    changes = new Map();
    outcome.intervals.set(machine, changes);
  }
  changes.set(startedUs, interval);
}

export function addCount(outcome: Outcome, change: CountChange): void {
  const key = `${change.machine} ${change.minute_us} ${change.order} ${change.observed}`;
  const sum = outcome.counts.get(key);
  if (sum === undefined) {
    outcome.counts.set(key, { ...change });
    return;
  }
  sum.total += change.total;
  sum.good += change.good;
  sum.reject += change.reject;
}

export function addLateHeard(outcome: Outcome, machine: number, timeUs: number): void {
  const range = outcome.late_heard.get(machine);
  if (range === undefined) outcome.late_heard.set(machine, { from_us: timeUs, to_us: timeUs });
  else if (timeUs < range.from_us) range.from_us = timeUs;
  else if (timeUs > range.to_us) range.to_us = timeUs;
}
