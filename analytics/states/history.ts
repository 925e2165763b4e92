import { Role } from '../plant.ts';
import {
  createStateMemory,
  fallSilent,
  hear,
  type Interval,
  loseState,
  type StateMemory,
  tellFault,
  tellMode,
  tellOrder,
  tellState,
} from './machine-states.ts';

/** One thing that a machine said, or a moment at which it was heard. */
export type StateEvent =
  | {
      kind: 'told';
      time_us: number;
      role: typeof Role.fault | typeof Role.mode | typeof Role.order | typeof Role.state;
      /** NaN: not usable. */
      value: number;
      /** Said by us because the source died; the machine itself was not heard. */
      stale: boolean;
    }
  /** Heard at `time_us`; the reading before it was at `before_us` (null: there was none). */
  | { kind: 'heard'; time_us: number; before_us: number | null }
  /**
   * Where a replay begins with a machine that does not run: since when (null: it never did), and whether its order has
   * changed and it has broken down since.
   */
  | { kind: 'stopped'; time_us: number; stopped_us: number | null; ordered: boolean; failed: boolean };

const order = { [Role.order]: 1, [Role.fault]: 2, [Role.mode]: 3, [Role.state]: 4 } as const;

/**
 * The machine's states from ordered events: exactly what live processing gives when everything arrives in order.
 * Between two `heard` events no silence may hide: whoever lists events lists every silence (`listSilences`). `silent`
 * says that nothing has arrived since the last of them for longer than the limit.
 */
export function replayStates(
  events: readonly StateEvent[],
  limitUs: number,
  silent = false,
): { intervals: Interval[]; memory: StateMemory } {
  const memory = createStateMemory();
  const intervals = new Map<number, Interval>();
  const sink = (startedUs: number, interval: Interval | null): void => {
    if (interval === null) intervals.delete(startedUs);
    else intervals.set(startedUs, interval);
  };
  for (const event of events.toSorted((a, b) => a.time_us - b.time_us || rank(a) - rank(b))) {
    if (event.kind === 'heard') {
      if (event.before_us !== null) hearQuietly(memory, event.before_us);
      hear(memory, event.time_us, limitUs, sink);
      continue;
    }
    if (event.kind === 'stopped') {
      if (memory.runs) continue;
      memory.stopped_us = event.stopped_us;
      memory.ordered_us = event.ordered ? event.stopped_us : null;
      memory.failed ||= event.failed;
      continue;
    }
    const { role, value, time_us: timeUs } = event;
    if (!event.stale) {
      if (memory.heard_us === null) hear(memory, timeUs, limitUs, sink);
      else hearQuietly(memory, timeUs);
    }
    if (role === Role.state) {
      if (Number.isNaN(value)) loseState(memory, timeUs, sink);
      else tellState(memory, value, timeUs, sink);
    } else if (!Number.isNaN(value)) {
      if (role === Role.mode) tellMode(memory, value, timeUs, sink);
      else if (role === Role.order) tellOrder(memory, value, timeUs, sink);
      else tellFault(memory, value, timeUs, sink);
    }
  }
  if (silent) fallSilent(memory, sink);
  return { intervals: [...intervals.values()].toSorted((a, b) => a.started_us - b.started_us), memory };
}

/** From all times at which a machine was heard (ascending): the first, the last, and both sides of every silence. */
export function listSilences(times: readonly number[], limitUs: number): StateEvent[] {
  const events: StateEvent[] = [];
  for (const [index, time_us] of times.entries()) {
    const before = times[index - 1] ?? null;
    const last = index === times.length - 1;
    if (before === null || last || time_us - before > limitUs)
      events.push({ kind: 'heard', time_us, before_us: before });
  }
  return events;
}

/** Cuts intervals to [fromUs, toUs); `toUs` null leaves the last one open. Empty ones vanish. */
export function cutIntervals(intervals: readonly Interval[], fromUs: number, toUs: number | null): Interval[] {
  return intervals.flatMap((interval) => {
    const started = Math.max(interval.started_us, fromUs);
    const ended = toUs === null ? interval.ended_us : Math.min(interval.ended_us ?? toUs, toUs);
    return ended !== null && ended <= started ? [] : [{ ...interval, started_us: started, ended_us: ended }];
  });
}

function hearQuietly(memory: StateMemory, timeUs: number): void {
  if (memory.heard_us !== null && timeUs > memory.heard_us) memory.heard_us = timeUs;
}

function rank(event: StateEvent): number {
  if (event.kind === 'told') return order[event.role];
  return event.kind === 'heard' ? 0 : -1;
}
