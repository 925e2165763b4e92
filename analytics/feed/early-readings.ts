import { Role } from '../plant.ts';
import { hear } from '../states/machine-states.ts';
import type { Live } from './live.ts';
import { noteInterval } from './outcome.ts';

/**
 * How far ahead of its arrival a reading may be stamped: 5 s cover a controller's clock that is set once an hour and the
 * commit that takes its time stamp first. What is further ahead is stored, but is no news yet: one reading stamped 20 h
 * ahead had made every reading of its signal until then a late one, with no alarm and no change of state.
 */
export const aheadToleranceUs = 5e6;
/** Early readings of a signal wait together for this long, so that a clock that stays ahead costs little. */
const chunkUs = 5 * 60e6;

/** Readings of one signal that are stamped ahead of time, as a range of their times. Stored as JSON with the machine. */
export interface EarlyReadings {
  signal_id: number;
  from_us: number;
  to_us: number;
  /** The newest usable value, null when there is none. */
  value: number | null;
}

/** Keeps in mind that a reading was stamped ahead of its arrival. `value` NaN: not usable. */
export function takeEarly(live: Live, slot: number, timeUs: number, value: number): void {
  const signal = live.plant.signals[slot];
  const early = live.machines[signal?.machine ?? -1]?.early;
  if (signal === undefined || early === undefined) return;
  const known = early.find(
    (chunk) =>
      chunk.signal_id === signal.signal_id &&
      Math.max(chunk.to_us, timeUs) - Math.min(chunk.from_us, timeUs) <= chunkUs,
  );
  const usable = Number.isNaN(value) ? null : value;
  if (known === undefined) {
    early.push({ signal_id: signal.signal_id, from_us: timeUs, to_us: timeUs, value: usable });
    return;
  }
  if (timeUs >= known.to_us && usable !== null) known.value = usable;
  known.from_us = Math.min(known.from_us, timeUs);
  known.to_us = Math.max(known.to_us, timeUs);
}

/**
 * Time has come up to readings that were stamped ahead: from now on they are the past, and what they say of states and
 * pieces is computed from `reading`, as with late ones. They raise no alarm any more.
 */
export function releaseEarly(live: Live, watermarkUs: number): void {
  for (const [machine, memory] of live.machines.entries()) {
    if (memory.early.length === 0) continue;
    const due = memory.early.filter((chunk) => chunk.to_us <= watermarkUs);
    if (due.length === 0) continue;
    memory.early = memory.early.filter((chunk) => chunk.to_us > watermarkUs);
    for (const { signal_id, from_us, to_us, value } of due.toSorted((a, b) => a.to_us - b.to_us)) {
      const slot = live.plant.slot_of[signal_id] ?? -1;
      const signal = live.plant.signals[slot];
      if (signal === undefined) continue;
      if (memory.states.heard_us === null) {
        hear(memory.states, from_us, Number.POSITIVE_INFINITY, (startedUs, interval) =>
          noteInterval(live.outcome, machine, startedUs, interval),
        );
      }
      if (to_us > (live.last_us[slot] ?? 0)) {
        live.last_us[slot] = to_us;
        memory.arrived_ms = Math.max(memory.arrived_ms, to_us / 1000);
        if (signal.role === Role.order && value !== null) memory.order = value;
        if (signal.role === Role.counter && value !== null) {
          live.counter_value[slot] = value;
          live.counter_us[slot] = to_us;
        }
      }
      live.outcome.recompute.push({ machine, from_us, to_us: Math.max(to_us, memory.counted_us) });
      if (signal.role === Role.counter) memory.counted_us = Math.max(memory.counted_us, to_us);
    }
  }
}
