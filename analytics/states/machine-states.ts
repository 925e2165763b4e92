import { isAbort, stateOf, UnitMode, unplannedStates, type MachineState } from './packml.ts';

/** A half-open stretch [started_us, ended_us) in one state; the open one has no end. Times in µs since the epoch. */
export interface Interval {
  started_us: number;
  ended_us: number | null;
  state: MachineState;
  /** The PackML state that began the interval. */
  packml_state: number | null;
  /** The first fault code other than 0 that was active in it; only for down and held. */
  fault_code: number | null;
}

/** All that one machine's state machine remembers. Plain data: it is stored as JSON with every checkpoint. */
export interface StateMemory {
  /** The last usable PackML state, or null when it is not known (never told, or its quality went bad or stale). */
  packml_state: number | null;
  unit_mode: number;
  fault_code: number;
  /** The order as it was last told; null before the first. */
  order: number | null;
  /** When it changed for another; null: not since this is remembered. */
  ordered_us: number | null;
  /** By state and mode it runs, or did when they were last known. */
  runs: boolean;
  /** When it began to run, and when it last stopped; null before it ever did. A run without length is none. */
  ran_us: number | null;
  stopped_us: number | null;
  /** It broke down and has not run since, as far as its closed intervals say. */
  failed: boolean;
  /** Source time of the newest reading of any signal; null before the first. */
  heard_us: number | null;
  /** When the state became unknown through a bad or stale reading: readings before it are out of order. */
  unknown_us: number | null;
  /** The open interval is no_data only because nothing arrives at present; one reading in time takes that back. */
  silent: boolean;
  /** End of the last no_data longer than `gapUs`: what a counter gained across it was made unobserved. */
  gap_ended_us: number | null;
  open: Interval | null;
  previous: Interval | null;
}

export function createStateMemory(): StateMemory {
  return {
    packml_state: null,
    unit_mode: UnitMode.production,
    fault_code: 0,
    order: null,
    ordered_us: null,
    runs: false,
    ran_us: null,
    stopped_us: null,
    failed: false,
    heard_us: null,
    unknown_us: null,
    silent: false,
    gap_ended_us: null,
    open: null,
    previous: null,
  };
}

/** Receives what changed: an interval to write under its start, or (null) the start of one that never was. */
export type IntervalSink = (startedUs: number, interval: Interval | null) => void;

/**
 * What a counter gained across time without data is left out when that lasted longer than this. A shorter one (a state
 * whose quality was bad for a moment) does not hide the pieces of a slow counter. No silence is shorter.
 */
export const gapUs = 30e6;

/** The machine is silent when nothing was heard for this long: five expected intervals, at least 30 s. */
export function silenceUs(expectedIntervalSeconds: number): number {
  return Math.max(5 * expectedIntervalSeconds * 1e6, gapUs);
}

/** Whether an event at this time can still be applied in order; otherwise its range is computed again from `reading`. */
export function isSettled(memory: StateMemory, timeUs: number): boolean {
  return (
    (memory.open !== null && timeUs < memory.open.started_us) ||
    (memory.unknown_us !== null && timeUs <= memory.unknown_us)
  );
}

/**
 * Whether pieces that were made just before `timeUs` count for OEE: the machine's state was known then, and not a planned
 * stop. A reading at the moment of a change shows what was made before it. Null: no longer remembered.
 */
export function isPlannedBefore({ open, previous }: StateMemory, timeUs: number): boolean | null {
  const interval = [open, previous].find((one) => one !== null && one.started_us < timeUs);
  return interval == null ? null : !unplannedStates.includes(interval.state);
}

/**
 * Something was heard from the machine, whatever it said. A silence longer than `limitUs` between two readings is a
 * no_data interval from the last reading before it; a shorter one was none, even if it had been drawn already because
 * the readings took longer to arrive than to be made.
 */
export function hear(memory: StateMemory, timeUs: number, limitUs: number, sink: IntervalSink): void {
  const heardUs = memory.heard_us;
  if (heardUs !== null && timeUs <= heardUs) return;
  if (heardUs === null) {
    memory.heard_us = timeUs;
    change(memory, timeUs, sink);
    return;
  }
  if (timeUs - heardUs > limitUs) {
    moveTo(memory, 'no_data', heardUs, sink);
    memory.heard_us = timeUs;
    memory.silent = false;
    change(memory, timeUs, sink);
  } else {
    memory.heard_us = timeUs;
    if (memory.silent) {
      memory.silent = false;
      change(memory, heardUs, sink);
    }
  }
}

/** Nothing has arrived from the machine for longer than the limit: no_data since it was last heard. */
export function fallSilent(memory: StateMemory, sink: IntervalSink): void {
  if (memory.heard_us === null || memory.silent) return;
  memory.silent = true;
  moveTo(memory, 'no_data', memory.heard_us, sink);
}

/** A usable reading of the state signal. Call `hear` with the same time first. */
export function tellState(memory: StateMemory, packmlState: number, timeUs: number, sink: IntervalSink): void {
  memory.packml_state = packmlState;
  memory.unknown_us = null;
  noteRunning(memory, timeUs);
  change(memory, timeUs, sink);
}

/** A usable reading of the unit mode. */
export function tellMode(memory: StateMemory, unitMode: number, timeUs: number, sink: IntervalSink): void {
  memory.unit_mode = unitMode;
  noteRunning(memory, timeUs);
  change(memory, timeUs, sink);
}

/**
 * The state signal went bad or stale: from the last time the machine was heard its state is unknown. `timeUs` is when
 * that was noticed.
 */
export function loseState(memory: StateMemory, timeUs: number, sink: IntervalSink): void {
  memory.packml_state = null;
  memory.unknown_us = timeUs;
  noteRunning(memory, memory.heard_us ?? timeUs);
  change(memory, memory.heard_us ?? timeUs, sink);
}

/**
 * A usable reading of the order. When it changes while the machine does not run, the machine is being set up from then
 * until it runs again; it need not say so by its own state. An order that changes at the moment at which the machine
 * stops counts, whichever of the two is told first; one that changes while it runs needs no changeover.
 */
export function tellOrder(memory: StateMemory, order: number, timeUs: number, sink: IntervalSink): void {
  if (memory.order !== null && memory.order !== order) memory.ordered_us = timeUs;
  memory.order = order;
  change(memory, timeUs, sink);
}

/** A usable reading of the fault signal; 0 means no fault. */
export function tellFault(memory: StateMemory, faultCode: number, timeUs: number, sink: IntervalSink): void {
  memory.fault_code = faultCode;
  const { open } = memory;
  if (open === null || !carriesFault(open.state)) return;
  const code = faultCode === 0 ? null : faultCode;
  if (timeUs === open.started_us ? open.fault_code !== code : open.fault_code === null && code !== null) {
    open.fault_code = code;
    sink(open.started_us, { ...open });
  }
}

function change(memory: StateMemory, timeUs: number, sink: IntervalSink): void {
  const { ordered_us: orderedUs, stopped_us: stoppedUs } = memory;
  const state = told(memory);
  // Maintenance of a machine that broke down is its repair, which nobody planned.
  if (state === 'planned_stop' && hasFailed(memory, timeUs)) {
    moveTo(memory, 'down', timeUs, sink);
    return;
  }
  const isChangeover = stoppedUs !== null && orderedUs !== null && orderedUs >= stoppedUs;
  moveTo(memory, state === 'idle' && isChangeover ? 'setup' : state, timeUs, sink);
}

function told({ packml_state: packmlState, unit_mode: unitMode }: StateMemory): MachineState {
  return packmlState === null ? 'no_data' : stateOf(packmlState, unitMode);
}

/** Whether it broke down before `timeUs` and has not run since. What began at that very moment does not count yet. */
function hasFailed({ open, failed }: StateMemory, timeUs: number): boolean {
  if (open === null || timeUs <= open.started_us) return failed;
  if (open.state === 'running') return false;
  const isFailure = open.fault_code !== null || (open.packml_state !== null && isAbort(open.packml_state));
  return failed || (open.state === 'down' && isFailure);
}

function noteRunning(memory: StateMemory, timeUs: number): void {
  const runs = told(memory) === 'running';
  if (runs && !memory.runs) memory.ran_us = timeUs;
  // The mode left maintenance and the state Execute at one moment: it did not run, whichever of the two is told first.
  if (!runs && memory.runs && timeUs !== memory.ran_us) memory.stopped_us = timeUs;
  memory.runs = runs;
}

function moveTo(memory: StateMemory, state: MachineState, timeUs: number, sink: IntervalSink): void {
  const { open } = memory;
  if (open !== null && open.state === state) return;
  const next: Interval = {
    started_us: timeUs,
    ended_us: null,
    state,
    packml_state: state === 'no_data' ? null : memory.packml_state,
    fault_code: carriesFault(state) && memory.fault_code !== 0 ? memory.fault_code : null,
  };
  memory.failed = hasFailed(memory, timeUs);
  if (open?.state === 'no_data' && timeUs - open.started_us > gapUs) memory.gap_ended_us = timeUs;
  if (open !== null && timeUs > open.started_us) {
    memory.previous = { ...open, ended_us: timeUs };
    sink(open.started_us, { ...memory.previous });
  } else if (open !== null) {
    // A change at the very instant of the last one replaces it; when that leads back, the interval before it goes on.
    next.started_us = open.started_us;
    const { previous } = memory;
    if (previous !== null && previous.state === state && previous.ended_us === open.started_us) {
      sink(open.started_us, null);
      memory.open = { ...previous, ended_us: null, fault_code: previous.fault_code ?? next.fault_code };
      memory.previous = null;
      sink(previous.started_us, { ...memory.open });
      return;
    }
  }
  memory.open = next;
  sink(next.started_us, { ...next });
}

function carriesFault(state: MachineState): boolean {
  return state === 'down' || state === 'held';
}
