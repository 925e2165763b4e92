import type { Random } from '../../core/plant/random.ts';
import { failureModes, type FailureMode } from './failure.ts';

/** One failure from its first trace to the end of its repair. */
export interface Breakdown {
  failure_mode: FailureMode;
  started_ms: number;
  /** How many hours it takes from the first trace to the breakdown, while the machine runs. */
  hours: number;
  /** 0 at the start, 1 when the machine breaks down. */
  severity: number;
  /** True when a person asked for it: it then develops without regard to breaks. */
  injected: boolean;
  /** When a limit of the plant was first exceeded for as long as its delay asks: a watcher can know from here on. */
  detectable_ms?: number;
  detectable_signal?: string;
  failed_ms?: number;
}

export interface Wearing {
  readonly current: Breakdown | undefined;
  /** Ordinary wear, 0 to 1; repair makes it 0. */
  readonly wear: number;
  /** Moves on; true in the one step in which the machine breaks down. */
  step(timeMs: number, executedSeconds: number): boolean;
  /** Begins a failure now. Answers false when one is under way already. */
  inject(mode: FailureMode, hours: number, timeMs: number): boolean;
  /** After the repair: as good as new, until the next time. Answers what it was. */
  repair(): Breakdown | undefined;
  /** As worn as when the simulator ended, with the failure that was under way then. */
  restore(breakdown: Breakdown | undefined, wear: number): void;
}

const secondsBetweenFailures = 20 * 86_400;

/** The failures of one machine: on average one in 20 days of running, of a mode that its class can have, growing over 2 to 8 hours. */
export function createWearing(random: Random, machineClass: string): Wearing {
  const possible = failureModes.filter((mode) => mode !== 'tool_wear' || /^(cnc|press|grinder)/.test(machineClass));
  let current: Breakdown | undefined;
  let wear = random.between(0, 0.5);
  let untilNext = -Math.log(1 - random.next()) * secondsBetweenFailures;

  function begin(mode: FailureMode, hours: number, timeMs: number, injected: boolean): void {
    current = { failure_mode: mode, started_ms: timeMs, hours, severity: 0, injected };
  }

  return {
    get current() {
      return current;
    },
    get wear() {
      return wear;
    },
    step(timeMs, executedSeconds) {
      // Ordinary wear takes about two months.
      wear = Math.min(1, wear + executedSeconds / (60 * 86_400));
      if (current === undefined) {
        untilNext -= executedSeconds;
        if (untilNext <= 0) begin(random.pick(possible), random.between(2, 8), timeMs, false);
        return false;
      }
      if (current.failed_ms !== undefined) return false;
      current.severity = Math.min(1, current.severity + executedSeconds / (current.hours * 3600));
      if (current.severity < 1) return false;
      current.failed_ms = timeMs;
      return true;
    },
    inject(mode, hours, timeMs) {
      if (current !== undefined) return false;
      begin(mode, hours, timeMs, true);
      return true;
    },
    repair() {
      const ended = current;
      current = undefined;
      wear = 0;
      untilNext = -Math.log(1 - random.next()) * secondsBetweenFailures;
      return ended;
    },
    restore(breakdown, wornTo) {
      current = breakdown === undefined ? undefined : { ...breakdown };
      wear = wornTo;
    },
  };
}
