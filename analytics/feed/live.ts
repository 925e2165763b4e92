import { createLimits, dropLostLimits, type Limits } from '../alarms/limits.ts';
import { createFusion, type FusionMemory } from '../alarms/machine-anomaly.ts';
import { isOpen } from '../anomaly/detector.ts';
import { createDetector, type Detector } from '../anomaly/detector-memory.ts';
import type { Plant } from '../plant.ts';
import { createStateMemory, fallSilent, type StateMemory } from '../states/machine-states.ts';
import { type EarlyReadings, releaseEarly } from './early-readings.ts';
import { createOutcome, type Outcome, noteInterval } from './outcome.ts';
import { type Columns, packColumns, restoreColumns, UnreadableMemoryError, unpackColumns } from './pack-columns.ts';

/** What is remembered of one machine; stored as JSON. */
export interface MachineMemory {
  machine_id: number;
  states: StateMemory;
  /** When the newest batch that spoke of this machine was stored, in ms by the database's clock. */
  arrived_ms: number;
  /** Text id of the running order's product code, 0 before any. */
  order: number;
  /** Newest time to which the running order was applied. */
  counted_us: number;
  fusion: FusionMemory;
  open_sensors: number;
  /** Start of the present run, when a sample was last seen running, and from when the sensors are judged in this run. */
  run_started_us: number;
  last_running_us: number;
  judged_from_us: number;
  /** Readings stamped ahead of their arrival, which wait until time has come up to them. */
  early: EarlyReadings[];
}

/** Everything the follower holds in memory: the plant, what it remembers of it, and what it has not written yet. */
export interface Live {
  plant: Plant;
  machines: MachineMemory[];
  /** Newest source time per slot; 0 before the first. Anything not newer is late. */
  last_us: Float64Array;
  /** Newest good sample per slot, for the limits' gaps. */
  last_good_us: Float64Array;
  counter_value: Float64Array;
  counter_us: Float64Array;
  limits: Limits;
  detector: Detector;
  outcome: Outcome;
}

export function createLive(plant: Plant): Live {
  const n = plant.signals.length;
  return {
    plant,
    machines: plant.machines.map(({ machine_id }) => ({
      machine_id,
      states: createStateMemory(),
      arrived_ms: 0,
      order: 0,
      counted_us: 0,
      fusion: createFusion(),
      open_sensors: 0,
      run_started_us: 0,
      last_running_us: 0,
      judged_from_us: 0,
      early: [],
    })),
    last_us: new Float64Array(n),
    last_good_us: new Float64Array(n),
    counter_value: new Float64Array(n).fill(Number.NaN),
    counter_us: new Float64Array(n),
    limits: createLimits(plant),
    detector: createDetector(plant),
    outcome: createOutcome(),
  };
}

/** The parts of the memory as they are stored, by name (`analytics_memory.part`). */
export function snapshotLive(live: Live): Map<string, Buffer> {
  return new Map([
    ['machines', Buffer.from(JSON.stringify(live.machines))],
    ['signals', packColumns(signalColumns(live))],
    ['limits', packColumns(live.limits.memory)],
    ['anomaly', packColumns(live.detector.memory)],
  ]);
}

/**
 * A live state for `plant` that remembers the stored parts. Used after a restart and when the plant changed: machines
 * and signals are found by their ids, new ones begin empty, and those that are gone are forgotten.
 */
export function restoreLive(plant: Plant, parts: ReadonlyMap<string, Buffer>): Live {
  const live = createLive(plant);
  const machines = parts.get('machines');
  if (machines !== undefined) {
    for (const memory of parseMachines(machines)) {
      const index = plant.machine_of.get(memory.machine_id);
      if (index !== undefined)
        live.machines[index] = {
          ...memory,
          early: memory.early ?? [],
          states: { ...createStateMemory(), ...memory.states },
        };
    }
  }
  const signals = parts.get('signals');
  if (signals === undefined) return live;
  const columns = unpackColumns(signals);
  const to = Int32Array.from(columns['signal_id'] ?? [], (signalId) => plant.slot_of[signalId] ?? -1);
  restoreColumns(signalColumns(live), columns, to);
  for (const [part, into] of [
    ['limits', live.limits.memory],
    ['anomaly', live.detector.memory],
  ] as const) {
    const bytes = parts.get(part);
    if (bytes !== undefined) restoreColumns(into, unpackColumns(bytes), to);
  }
  // Counted anew, because a sensor that was taken away while it was unusual would never have been counted off.
  for (const [index, memory] of live.machines.entries()) {
    memory.open_sensors = (plant.machines[index]?.slots ?? []).filter((slot) => isOpen(live.detector, slot)).length;
  }
  dropLostLimits(
    live.limits,
    (slot) => live.last_us[slot] ?? 0,
    (slot, { kind, raised, at_us, value }) => {
      const machine = plant.signals[slot]?.machine ?? 0;
      live.outcome.alarms.push({ machine, slot, kind, raised, at_us, limit: null, value });
    },
  );
  return live;
}

function parseMachines(bytes: Buffer): MachineMemory[] {
  try {
    return JSON.parse(bytes.toString()) as MachineMemory[];
  } catch (cause) {
    throw new UnreadableMemoryError('Remembered machines cannot be read.', { cause });
  }
}

/** `signal_id` names the rows; it is written, and never read back into place. */
function signalColumns(live: Live): Columns {
  return {
    signal_id: Int32Array.from(live.plant.signals, (signal) => signal.signal_id),
    last_us: live.last_us,
    last_good_us: live.last_good_us,
    counter_value: live.counter_value,
    counter_us: live.counter_us,
  };
}

/**
 * Time passes: readings stamped ahead of it become part of the past, and machines of which nothing arrived for longer than their limit go to no_data. `watermarkMs` (by the
 * database's clock) is the moment up to which every stored batch has been processed. Silence is judged by arrival, so
 * that a machine whose clock is minutes off is not silent; the interval begins at the source time last heard.
 */
export function passTime(live: Live, watermarkMs: number): void {
  releaseEarly(live, watermarkMs * 1000);
  for (const [machine, memory] of live.machines.entries()) {
    const limitUs = live.plant.machines[machine]?.silence_us ?? Number.POSITIVE_INFINITY;
    if ((watermarkMs - memory.arrived_ms) * 1000 <= limitUs) continue;
    fallSilent(memory.states, (startedUs, interval) => noteInterval(live.outcome, machine, startedUs, interval));
  }
}

/**
 * Until when the machine's open interval is known: to the last reading, and in a silence as far beyond it as the
 * silence has lasted. Null before anything was heard.
 */
export function knownToUs(memory: MachineMemory, watermarkMs: number): number | null {
  const { heard_us: heardUs, silent } = memory.states;
  if (heardUs === null || !silent) return heardUs;
  return heardUs + Math.max(0, watermarkMs - memory.arrived_ms) * 1000;
}
