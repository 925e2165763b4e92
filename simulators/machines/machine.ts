import { PackState } from '../../core/packml.ts';
import { machineClasses, type MachineClass } from '../../core/plant/machine-class.ts';
import type { PlantMachine } from '../../core/plant/plant-document.ts';
import { createRandom } from '../../core/plant/random.ts';
import { createWearing, type Breakdown } from './breakdown.ts';
import { createCycle, type CycleMemory } from './cycle.ts';
import { failureEffect, faultCodes, noEffect, type FailureMode } from './failure.ts';
import type { Line } from './line.ts';
import { createSensors, type SensorMemory } from './sensors.ts';

/** What a machine has to remember over a restart of the simulator. */
export interface MachineMemory {
  good: number;
  reject: number;
  wear: number;
  breakdown?: Breakdown;
  /** Those of older memories lack these three: such a machine begins as a new one does, in the middle of its work. */
  cycle?: CycleMemory;
  sensors?: SensorMemory;
  product?: string;
}

export interface Machine {
  readonly path: string;
  readonly plant: PlantMachine;
  readonly state: PackState;
  readonly breakdown: Breakdown | undefined;
  /** Moves the machine on to `timeMs`; times must rise. */
  step(timeMs: number): void;
  /** What signal number `index` of the plant's machine shows now: a number, or for an order the product's code. */
  read(index: number): number | string | undefined;
  inject(mode: FailureMode, hours: number, timeMs: number): boolean;
  remember(): MachineMemory;
}

export interface MachineOptions {
  plant: PlantMachine;
  /** `site/line/machine`, also the name of its streams of chance. */
  path: string;
  position: number;
  line: Line;
  seed: number;
  /** Number of this run of the simulator: what happens by chance differs from run to run, what the machine is does not. */
  run?: number | undefined;
  memory?: MachineMemory | undefined;
  /** Told of every failure at its start, when it becomes detectable, at the breakdown, and at the end of the repair. */
  onBreakdown?: (what: 'started' | 'detectable' | 'failed' | 'ended', breakdown: Breakdown, timeMs: number) => void;
}

/** One machine: its cycle, counters, sensors and failures, driven by its line. */
export function createMachine(options: MachineOptions): Machine {
  const { plant, path, position, line, seed, run = 1, memory, onBreakdown } = options;
  const machineClass = machineClasses.get(plant.class) ?? genericClass();
  const random = createRandom(seed, path);
  const cycle = createCycle(createRandom(seed, `${path} cycle ${run}`), memory?.cycle);
  const wearing = createWearing(createRandom(seed, `${path} failures ${run}`), plant.class);
  const sensors = createSensors(machineClass, nominalVoltage(plant), seed, path, memory?.sensors);
  const topSpeed = random.between(0.9, 0.985);
  const rejectRate = random.between(0.004, 0.02);
  const rollover = plant.signals.find((signal) => signal.kind === 'counter')?.counter_rollover ?? null;
  let good = memory?.good ?? Math.floor(random.between(1000, 40_000));
  let reject = memory?.reject ?? Math.floor(good * rejectRate);
  if (memory !== undefined) wearing.restore(memory.breakdown, memory.wear);
  let timeMs = Number.NaN;
  let part = random.next();
  const was = memory?.cycle?.broken === true ? memory.breakdown : undefined;
  let faultCode: number = was === undefined ? 0 : faultCodes[was.failure_mode];
  let product = memory?.product ?? '';
  const beyondSince = plant.signals.map(() => Number.NaN);

  function step(nowMs: number): void {
    const seconds = Number.isNaN(timeMs) ? 0 : (nowMs - timeMs) / 1000;
    timeMs = nowMs;
    const moment = line.at(nowMs);
    const executed = cycle.state === PackState.Execute ? seconds : 0;
    if (!moment.changeover || product === '') ({ product } = moment);
    produce(executed * topSpeed, moment.ideal_cycle_seconds);

    const before = wearing.current;
    const broke = wearing.step(nowMs, executed);
    const failing = wearing.current;
    if (failing !== undefined && before === undefined) onBreakdown?.('started', failing, nowMs);
    if (failing !== undefined && broke) onBreakdown?.('failed', failing, nowMs);
    // A fault that was cut short by a restart of the simulator breaks down in this run.
    const breaksDown = failing?.failed_ms !== undefined && !cycle.broken && faultCode === 0;
    const wasBroken = cycle.broken;
    cycle.step(nowMs, executed, {
      working: moment.working,
      changeover: moment.changeover,
      starved: line.isStarved(position, nowMs),
      breakdownRepairSeconds: breaksDown ? random.between(20 * 60, 60 * 60) : undefined,
      keepGoing: failing?.injected === true && failing.failed_ms === undefined,
    });
    // The controller loads the next order when it is reset for it, and the last pieces have left.
    if (moment.changeover && cycle.state === PackState.Resetting && !cycle.broken) product = moment.next_product;
    if (breaksDown && failing !== undefined) faultCode = faultCodes[failing.failure_mode];
    if (wasBroken && !cycle.broken) {
      faultCode = 0;
      const ended = wearing.repair();
      if (ended !== undefined) onBreakdown?.('ended', ended, nowMs);
    }
    const paused = !moment.working || moment.changeover;
    line.report(position, !paused && isStanding(cycle.state), nowMs);
    sensors.step(seconds, {
      state: cycle.state,
      load: moment.load,
      speed: topSpeed,
      hour: moment.hour,
      wear: wearing.wear,
      effect: effect(),
    });
  }

  function effect() {
    const failing = wearing.current;
    return failing === undefined
      ? noEffect
      : failureEffect(failing.failure_mode, failing.severity, machineClass.temperature_rise);
  }

  function produce(seconds: number, idealCycleSeconds: number): void {
    part += seconds / idealCycleSeconds;
    const chance = Math.min(0.5, rejectRate * effect().rejects);
    for (; part >= 1; part--) {
      if (random.chance(chance)) reject++;
      else good++;
    }
  }

  /** Says once from when on the growing failure shows, by the plant's own limits and delays. */
  function watch(index: number, value: number): void {
    const failing = wearing.current;
    const signal = plant.signals[index];
    if (failing === undefined || failing.detectable_ms !== undefined || signal === undefined) return;
    const beyond = value > (signal.limit_high ?? Infinity) || value < (signal.limit_low ?? -Infinity);
    if (!beyond) beyondSince[index] = Number.NaN;
    else if (Number.isNaN(beyondSince[index])) beyondSince[index] = timeMs;
    if (beyond && timeMs - (beyondSince[index] ?? timeMs) >= signal.on_delay_seconds * 1000) {
      failing.detectable_ms = timeMs;
      failing.detectable_signal = signal.name;
      beyondSince.fill(Number.NaN);
      onBreakdown?.('detectable', failing, timeMs);
    }
  }

  function read(index: number): number | string | undefined {
    const signal = plant.signals[index];
    switch (signal?.kind) {
      case 'measurement': {
        const value = sensors.read(signal.quantity);
        if (value !== undefined) watch(index, value);
        return value;
      }
      case 'state':
        return cycle.state;
      case 'counter': {
        const count = signal.quantity === 'good' ? good : signal.quantity === 'reject' ? reject : good + reject;
        return rollover === null ? count : count % (rollover + 1);
      }
      case 'fault':
        return faultCode;
      case 'order':
        return product;
      case undefined:
        return undefined;
    }
  }

  return {
    path,
    plant,
    get state() {
      return cycle.state;
    },
    get breakdown() {
      return wearing.current;
    },
    step,
    read,
    inject(mode, hours, nowMs) {
      if (!wearing.inject(mode, hours, nowMs)) return false;
      const begun = wearing.current;
      if (begun !== undefined) onBreakdown?.('started', begun, nowMs);
      return true;
    },
    remember: () => ({
      good,
      reject,
      wear: wearing.wear,
      cycle: cycle.remember(),
      sensors: sensors.remember(),
      product,
      ...(wearing.current === undefined ? {} : { breakdown: wearing.current }),
    }),
  };
}

function isStanding(state: PackState): boolean {
  return (
    state === PackState.Held ||
    state === PackState.Stopped ||
    state === PackState.Aborting ||
    state === PackState.Aborted ||
    state === PackState.Clearing
  );
}

/** The plant's voltage limits stand evenly around the nominal voltage. */
function nominalVoltage(plant: PlantMachine): number {
  const signal = plant.signals.find((each) => each.quantity === 'voltage');
  if (signal?.limit_low == null || signal.limit_high == null) return 400;
  return (signal.limit_low + signal.limit_high) / 2;
}

/** A machine of a class that the reference plant does not know moves like a conveyor. */
function genericClass(): MachineClass {
  const conveyor = machineClasses.get('conveyor');
  if (conveyor === undefined) throw new Error('The machine class "conveyor" is missing.');
  return conveyor;
}
