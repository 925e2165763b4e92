import { isUsable, Quality } from '../../core/reading.ts';
import type { ReadingColumns } from '../../core/reading-columns.ts';
import { observeLimits } from '../alarms/limits.ts';
import { observeMachine } from '../alarms/machine-anomaly.ts';
import { isOpen, observeSample, scoreOf } from '../anomaly/detector.ts';
import { counterGain } from '../oee/counters.ts';
import { Role } from '../plant.ts';
import {
  hear,
  type Interval,
  type IntervalSink,
  isPlannedBefore,
  isSettled,
  loseState,
  tellFault,
  tellMode,
  tellOrder,
  tellState,
} from '../states/machine-states.ts';
import { unplannedStates } from '../states/packml.ts';
import { aheadToleranceUs, takeEarly } from './early-readings.ts';
import type { Live, MachineMemory } from './live.ts';
import { addCount, addLateHeard, noteInterval } from './outcome.ts';

/** The inner limits wait for this long after a machine started, because speeds and currents ramp. */
const settleUs = 60e6;
/**
 * The detector waits four times as long as the machine had stood still, between these: an oven with a time constant of
 * half an hour is within 4 K again an hour after a break of 30 minutes, and after a night within an hour and a half.
 */
const waitFactor = 4;
const leastWaitUs = 60e6;
const mostWaitUs = 5400e6;

/** True when every row belongs to a signal of the loaded plant. */
export function knowsAll(live: Live, readings: ReadingColumns): boolean {
  const { slot_of: slotOf } = live.plant;
  for (let row = 0; row < readings.length; row++) {
    if ((slotOf[readings.signal_id[row] ?? 0] ?? -1) < 0) return false;
  }
  return true;
}

/**
 * Routes the rows of one batch to the state machines, in the order in which they were stored. What they change is
 * collected in `live.outcome`. Rows from `liveRows` on are historical (store-and-forward): they count for states and
 * pieces, but raise no alarm and teach no detector. What is stamped ahead of its arrival waits (`early-readings.ts`). Depends on nothing but the memory and the batch, so that a replay after a crash gives
 * the same again.
 */
export function processBatch(live: Live, readings: ReadingColumns, liveRows: number, storedAtMs: number): void {
  const { plant, outcome, last_us: lastUs } = live;
  let machine = -1;
  const sink: IntervalSink = (startedUs, interval) => {
    noteInterval(outcome, machine, startedUs, interval);
    if (interval?.ended_us === null) recountSince(live, machine, interval);
  };
  for (let row = 0; row < readings.length; row++) {
    const slot = plant.slot_of[readings.signal_id[row] ?? 0] ?? -1;
    if (slot < 0) continue;
    const signal = plant.signals[slot];
    if (signal === undefined) continue;
    machine = signal.machine;
    const memory = live.machines[machine];
    if (memory === undefined) continue;
    const timeUs = readings.time_us[row] ?? 0;
    const quality = readings.quality[row] ?? 0;
    const value = readings.value[row] ?? Number.NaN;
    const usable = isUsable(quality) && !Number.isNaN(value);

    if (quality === Quality.stale) {
      // The source died: said by us, not by the machine, and stamped with our clock. It says something about the state only.
      if (signal.role === Role.state) takeStale(live, machine, slot, timeUs, sink);
      continue;
    }
    if (timeUs <= (lastUs[slot] ?? 0)) {
      addLateHeard(outcome, machine, timeUs);
      if (signal.role !== Role.measurement)
        outcome.late.push({ machine, slot, time_us: timeUs, value: usable ? value : Number.NaN });
      continue;
    }
    if (timeUs > storedAtMs * 1000 + aheadToleranceUs) {
      takeEarly(live, slot, timeUs, usable ? value : Number.NaN);
      continue;
    }
    lastUs[slot] = timeUs;
    memory.arrived_ms = storedAtMs;
    if (isSettled(memory.states, timeUs)) {
      addLateHeard(outcome, machine, timeUs);
      if (signal.role === Role.order && usable && value !== memory.states.order)
        takeOutOfOrder(live, memory, machine, timeUs);
      if (signal.role === Role.state || signal.role === Role.mode || signal.role === Role.fault) {
        takeOutOfOrder(live, memory, machine, timeUs);
        if (signal.role === Role.fault && usable && row < liveRows) takeFaultAlarm(live, machine, slot, value, timeUs);
        continue;
      }
    } else {
      hear(memory.states, timeUs, plant.machines[machine]?.silence_us ?? 30e6, sink);
    }

    switch (signal.role) {
      case Role.measurement:
        if (usable && quality === Quality.good && row < liveRows) takeSample(live, memory, slot, timeUs, value);
        break;
      case Role.state:
        if (usable) tellState(memory.states, value, timeUs, sink);
        else loseState(memory.states, timeUs, sink);
        break;
      case Role.mode:
        if (usable) tellMode(memory.states, value, timeUs, sink);
        break;
      case Role.fault:
        if (!usable) break;
        tellFault(memory.states, value, timeUs, sink);
        if (row < liveRows) takeFaultAlarm(live, machine, slot, value, timeUs);
        break;
      case Role.order:
        if (!usable) break;
        if (!isSettled(memory.states, timeUs)) tellOrder(memory.states, value, timeUs, sink);
        if (value === memory.order) break;
        // Pieces from this moment on were already booked on the product before it.
        if (timeUs <= memory.counted_us) outcome.recompute.push({ machine, from_us: timeUs, to_us: memory.counted_us });
        memory.order = value;
        break;
      case Role.counter:
        if (usable) takeCount(live, memory, slot, timeUs, value);
        break;
      default:
        break;
    }
  }
  outcome.rows += readings.length;
}

function takeStale(live: Live, machine: number, slot: number, timeUs: number, sink: IntervalSink): void {
  const memory = live.machines[machine];
  if (memory === undefined) return;
  if (timeUs <= (live.last_us[slot] ?? 0) || isSettled(memory.states, timeUs)) {
    live.outcome.late.push({ machine, slot, time_us: timeUs, value: Number.NaN });
    return;
  }
  loseState(memory.states, timeUs, sink);
}

/**
 * The newest reading of its own signal, but older than what the machine's state is already settled on: the machine's
 * states from there to its newest reading, and with them its memory, are computed again.
 */
function takeOutOfOrder(live: Live, memory: MachineMemory, machine: number, timeUs: number): void {
  const toUs = Math.max(memory.states.open?.started_us ?? timeUs, memory.states.heard_us ?? timeUs);
  live.outcome.recompute.push({ machine, from_us: timeUs, to_us: toUs });
}

function takeFaultAlarm(live: Live, machine: number, slot: number, code: number, timeUs: number): void {
  const { alarms } = live.outcome;
  const before = live.counter_value[slot] ?? Number.NaN;
  // The column of counters also keeps the last fault code; a signal is never both.
  live.counter_value[slot] = code;
  if (code === before || (Number.isNaN(before) && code === 0)) return;
  if (!Number.isNaN(before) && before !== 0) {
    alarms.push({ machine, slot, kind: 'fault_code', raised: false, at_us: timeUs, limit: null, value: before });
  }
  if (code !== 0)
    alarms.push({ machine, slot, kind: 'fault_code', raised: true, at_us: timeUs, limit: null, value: code });
}

/** Pieces shown after the interval began were already booked by the state before it. */
function recountSince(live: Live, machine: number, { started_us: startedUs, state }: Interval): void {
  const memory = live.machines[machine];
  if (memory === undefined || memory.counted_us <= startedUs) return;
  const before = memory.states.previous?.state;
  if (unplannedStates.includes(state) === (before !== undefined && unplannedStates.includes(before))) return;
  live.outcome.recompute.push({ machine, from_us: startedUs, to_us: memory.counted_us });
}

function takeCount(live: Live, memory: MachineMemory, slot: number, timeUs: number, value: number): void {
  const signal = live.plant.signals[slot];
  if (signal?.weights == null) return;
  const gain = counterGain(live.counter_value[slot] ?? Number.NaN, value, signal.rollover);
  const lastUs = live.counter_us[slot] ?? 0;
  live.counter_value[slot] = value;
  live.counter_us[slot] = timeUs;
  memory.counted_us = Math.max(memory.counted_us, timeUs);
  if (gain === 0) return;
  const gapEndedUs = memory.states.gap_ended_us ?? 0;
  const planned = isPlannedBefore(memory.states, timeUs);
  // Out of order with the states: which one held then is no longer in memory.
  if (planned === null || gapEndedUs > timeUs)
    live.outcome.recompute.push({ machine: signal.machine, from_us: timeUs, to_us: timeUs });
  addCount(live.outcome, {
    machine: signal.machine,
    minute_us: Math.floor(timeUs / 60e6) * 60e6,
    order: memory.order,
    observed: planned !== false && gapEndedUs <= lastUs,
    total: gain * signal.weights.total,
    good: gain * signal.weights.good,
    reject: gain * signal.weights.reject,
  });
}

function takeSample(live: Live, memory: MachineMemory, slot: number, timeUs: number, value: number): void {
  const { outcome, plant, detector } = live;
  const machine = plant.signals[slot]?.machine ?? 0;
  const { open } = memory.states;
  const settled = open?.state === 'running' && timeUs - open.started_us >= settleUs;
  const lastGoodUs = live.last_good_us[slot] ?? 0;
  live.last_good_us[slot] = timeUs;
  observeLimits(live.limits, slot, timeUs, value, settled, lastGoodUs, ({ kind, raised, at_us, limit, value: worst }) =>
    outcome.alarms.push({ machine, slot, kind, raised, at_us, limit, value: worst }),
  );
  if (open?.state !== 'running' || timeUs < judgedFrom(memory, open.started_us, timeUs)) return;
  observeSample(detector, slot, timeUs, value, memory.order, (change) => {
    outcome.anomalies.push({ slot, ...change });
    memory.open_sensors += change.opened ? 1 : -1;
  });
  if (memory.open_sensors > 0 || memory.fusion.phase !== 'quiet') takeFusion(live, memory, machine, timeUs);
}

/** From when the sensors are judged in the run that began at `startedUs`. */
function judgedFrom(memory: MachineMemory, startedUs: number, timeUs: number): number {
  if (memory.run_started_us !== startedUs) {
    const stoodUs = memory.last_running_us === 0 ? 0 : startedUs - memory.last_running_us;
    memory.run_started_us = startedUs;
    // A short stop does not shorten the wait that a long one before it asked for.
    const wait = Math.min(mostWaitUs, Math.max(leastWaitUs, waitFactor * stoodUs));
    memory.judged_from_us = Math.max(memory.judged_from_us, startedUs + wait);
  }
  memory.last_running_us = timeUs;
  return memory.judged_from_us;
}

function takeFusion(live: Live, memory: MachineMemory, machine: number, timeUs: number): void {
  let highest = 0;
  for (const slot of live.plant.machines[machine]?.slots ?? []) {
    if (isOpen(live.detector, slot))
      highest = Math.max(highest, scoreOf(live.detector.memory.deviation[slot] ?? 0) || 0);
  }
  const change = observeMachine(memory.fusion, timeUs, memory.open_sensors, highest);
  if (change === null) return;
  const { raised, at_us, peak_score: value } = change;
  live.outcome.alarms.push({ machine, slot: -1, kind: 'anomaly', raised, at_us, limit: null, value });
}
