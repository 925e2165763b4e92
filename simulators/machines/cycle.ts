import { PackState } from '../../core/packml.ts';
import type { Random } from '../../core/plant/random.ts';

/** What the world asks of a machine at one moment. */
export interface Demand {
  /** The calendar says that people work. */
  working: boolean;
  /** The line is being set up for another product. */
  changeover: boolean;
  /** A neighbour has stood still for so long that there is nothing to work on, or nowhere to put it. */
  starved: boolean;
  /** The machine has broken down in this moment; repair takes so many seconds. */
  breakdownRepairSeconds: number | undefined;
  /** An operator keeps the machine going through breaks and changeovers. */
  keepGoing: boolean;
}

export interface Cycle {
  readonly state: PackState;
  /** Moves on to `timeMs` and answers the state from now on. `executedSeconds` is how long it has run since last time. */
  step(timeMs: number, executedSeconds: number, demand: Demand): PackState;
  /** True from the breakdown until the controller is cleared. */
  readonly broken: boolean;
  remember(): CycleMemory;
}

/** Where a machine stands in its cycle. */
export interface CycleMemory {
  state: PackState;
  stages: Stage[];
  broken: boolean;
  until_jam: number;
  until_stop: number;
}

interface Stage {
  state: PackState;
  untilMs: number;
}

/**
 * The PackML state of one machine. It stops shortly every 20 minutes or so (a jam: Held for 10 to 90 s), every 16 hours
 * for longer (Stopped for 2 to 12 min), pauses with its people, waits for its neighbours, and breaks down when told to.
 * A machine that is simulated for the first time has been doing what is wanted of it all along.
 */
export function createCycle(random: Random, memory?: CycleMemory): Cycle {
  let state = memory?.state;
  let stages: Stage[] = memory?.stages ?? [];
  let broken = memory?.broken ?? false;
  let untilJam = memory?.until_jam ?? exponential(20 * 60);
  let untilStop = memory?.until_stop ?? exponential(16 * 3600);

  /** A waiting time without memory, of the given mean. */
  function exponential(mean: number): number {
    return -Math.log(1 - random.next()) * mean;
  }
  function schedule(fromMs: number, ...plan: [PackState, number][]): void {
    let at = fromMs;
    stages = plan.map(([stage, seconds]) => ({ state: stage, untilMs: (at += seconds * 1000) }));
  }
  function wanted({ keepGoing, working, changeover, starved }: Demand): PackState {
    if (keepGoing) return PackState.Execute;
    if (!working) return PackState.Idle;
    if (changeover) return PackState.Resetting;
    return starved ? PackState.Suspended : PackState.Execute;
  }

  function decide(timeMs: number, executedSeconds: number, demand: Demand): PackState {
    if (demand.breakdownRepairSeconds !== undefined && !broken) {
      broken = true;
      schedule(
        timeMs,
        [PackState.Aborting, 3],
        [PackState.Aborted, demand.breakdownRepairSeconds],
        [PackState.Clearing, 45],
        [PackState.Stopped, 20],
        [PackState.Resetting, 25],
      );
    }
    stages = stages.filter((stage) => stage.untilMs > timeMs);
    const stage = stages.at(0);
    if (stage !== undefined) return stage.state;
    broken = false;

    const next = wanted(demand);
    if (state === undefined) return next;
    if (state === PackState.Execute) {
      untilJam -= executedSeconds;
      untilStop -= executedSeconds;
      if (!demand.keepGoing && untilStop <= 0) {
        untilStop = exponential(16 * 3600);
        schedule(timeMs, [PackState.Stopped, random.between(120, 720)]);
      } else if (!demand.keepGoing && untilJam <= 0) {
        untilJam = exponential(20 * 60);
        schedule(timeMs, [PackState.Held, random.between(10, 90)]);
      } else if (next === PackState.Idle || next === PackState.Resetting) {
        schedule(timeMs, [PackState.Completing, 5]);
      }
    } else if (next === PackState.Execute && state !== PackState.Starting && state !== PackState.Suspended) {
      schedule(timeMs, [PackState.Starting, 8]);
    }
    return stages.at(0)?.state ?? next;
  }

  return {
    get state() {
      return state ?? PackState.Idle;
    },
    get broken() {
      return broken;
    },
    step(timeMs, executedSeconds, demand) {
      state = decide(timeMs, executedSeconds, demand);
      return state;
    },
    remember: () => ({ state: state ?? PackState.Idle, stages, broken, until_jam: untilJam, until_stop: untilStop }),
  };
}
