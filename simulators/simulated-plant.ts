import type { Plant, PlantSignal, PlantSource } from '../core/plant/plant-document.ts';
import { createRandom } from '../core/plant/random.ts';
import type { Protocol } from '../core/reading.ts';
import type { Breakdown } from './machines/breakdown.ts';
import { createLine } from './machines/line.ts';
import { createMachine, type Machine, type MachineMemory } from './machines/machine.ts';
import type { Mess } from './mess.ts';

/** A signal that speaks, and where. */
export interface SimulatedSignal {
  plant: PlantSignal;
  source: PlantSource;
  machine: SimulatedMachine;
  index: number;
}

export interface SimulatedMachine {
  enterprise: string;
  site: string;
  line: string;
  name: string;
  protocol: Protocol;
  signals: SimulatedSignal[];
  machine: Machine;
}

export interface Sample {
  signal: SimulatedSignal;
  time_ms: number;
  value: number | string;
  /** It comes after later ones of the same signal. */
  is_late?: boolean;
}

/** Takes the samples of one machine, all of them of one moment unless late ones are among them. */
export type Emit = (machine: SimulatedMachine, samples: Sample[]) => void;

export interface SimulatedPlant {
  readonly machines: readonly SimulatedMachine[];
  /** Moves every machine on to `timeMs` and emits what its signals have to say on the way. */
  advance(timeMs: number, emit: Emit): void;
  find(path: string): SimulatedMachine | undefined;
  remember(): Record<string, MachineMemory>;
}

export interface SimulatedPlantOptions {
  plant: Plant;
  seed: number;
  /** See MachineOptions. */
  run?: number;
  mess: Mess;
  protocols: readonly Protocol[];
  /** At most so many lines, taken evenly from the protocols; for tests and small machines. */
  maxLines?: number | undefined;
  /** Plant seconds between two samples of a measurement; at least the signal's own interval counts. */
  intervalSeconds?: number;
  memory?: Readonly<Record<string, MachineMemory>>;
  onBreakdown?: (
    path: string,
    what: 'started' | 'detectable' | 'failed' | 'ended',
    breakdown: Breakdown,
    timeMs: number,
  ) => void;
}

/** After a pause longer than this (the computer slept) the machines are taken to have been off: nothing is made up for it. */
const longestGapMs = 60_000;

/** All machines of a plant, each sampled at its own moment of the second, so that the load spreads. */
export function createSimulatedPlant(options: SimulatedPlantOptions): SimulatedPlant {
  const { plant, seed, mess, protocols, maxLines, intervalSeconds = 1, memory = {}, run, onBreakdown } = options;
  const machines: SimulatedMachine[] = [];
  let lines = 0;
  for (const site of plant.sites) {
    for (const plantLine of site.lines) {
      const protocol = plantLine.machines[0]?.signals.find((signal) => signal.sources.length > 0)?.sources[0]?.protocol;
      if (protocol === undefined || !protocols.includes(protocol) || lines >= (maxLines ?? Infinity)) continue;
      lines++;
      const line = createLine(site, plantLine, seed);
      for (const [position, plantMachine] of plantLine.machines.entries()) {
        const path = `${site.name}/${plantLine.name}/${plantMachine.name}`;
        const machine: SimulatedMachine = {
          enterprise: plant.enterprise,
          site: site.name,
          line: plantLine.name,
          name: plantMachine.name,
          protocol,
          signals: [],
          machine: createMachine({
            plant: plantMachine,
            path,
            position,
            line,
            seed,
            run,
            memory: memory[path],
            onBreakdown: (what, breakdown, timeMs) => onBreakdown?.(path, what, breakdown, timeMs),
          }),
        };
        for (const [index, signal] of plantMachine.signals.entries()) {
          const source = signal.sources.find((each) => each.protocol === protocol);
          if (source !== undefined) machine.signals.push({ plant: signal, source, machine, index });
        }
        machines.push(machine);
      }
    }
  }
  const lineSamplers = [...Map.groupBy(machines, ({ site, line }) => `${site}/${line}`).values()].map((ofLine) =>
    ofLine.map((machine) => createSampler(machine, seed, mess, intervalSeconds * 1000)),
  );
  const byPath = new Map(machines.map((machine) => [machine.machine.path, machine]));

  return {
    machines,
    advance(timeMs, emit) {
      for (const samplers of lineSamplers) advanceLine(samplers, timeMs, emit);
      for (const sample of mess.release(timeMs)) emit(sample.signal.machine, [sample]);
    },
    find: (path) => byPath.get(path),
    remember: () => Object.fromEntries(machines.map(({ machine }) => [machine.path, machine.remember()])),
  };
}

interface Sampler {
  /** When the machine speaks next; asked with the time to which the plant moves on. */
  nextMoment(timeMs: number): number;
  /** Moves the machine on to that moment, and says what its signals have to say. */
  speak(emit: Emit): void;
}

/**
 * Moves the machines of one line on in the order of their moments, since neighbours feel each other: one machine after
 * the other, what they do would depend on the length of the step.
 */
function advanceLine(samplers: readonly Sampler[], timeMs: number, emit: Emit): void {
  for (;;) {
    let first: Sampler | undefined;
    let firstMs = Infinity;
    for (const sampler of samplers) {
      const momentMs = sampler.nextMoment(timeMs);
      if (momentMs < firstMs) [first, firstMs] = [sampler, momentMs];
    }
    if (first === undefined || firstMs > timeMs) return;
    first.speak(emit);
  }
}

function createSampler(machine: SimulatedMachine, seed: number, mess: Mess, intervalMs: number): Sampler {
  const phaseMs = Math.floor(createRandom(seed, `${machine.machine.path} phase`).next() * intervalMs);
  const dueMs = new Float64Array(machine.signals.length);
  const last: (number | string | undefined)[] = machine.signals.map(() => undefined);
  let nextMs = Number.NaN;

  return {
    nextMoment(timeMs) {
      if (Number.isNaN(nextMs) || timeMs - nextMs > Math.max(longestGapMs, 2 * intervalMs)) {
        nextMs = Math.ceil((timeMs - phaseMs) / intervalMs) * intervalMs + phaseMs;
      }
      return nextMs;
    },
    speak(emit) {
      machine.machine.step(nextMs);
      const samples: Sample[] = [];
      for (const [index, signal] of machine.signals.entries()) {
        const value = machine.machine.read(signal.index);
        if (value === undefined) continue;
        // States, fault codes and orders speak when they change, and now and then so that silence means something.
        const changed = signal.plant.kind !== 'measurement' && signal.plant.kind !== 'counter' && value !== last[index];
        if (!changed && nextMs < (dueMs[index] ?? 0)) continue;
        last[index] = value;
        dueMs[index] = nextMs + signal.plant.expected_interval_seconds * 1000;
        samples.push(...mess.pass({ signal, time_ms: nextMs, value }));
      }
      nextMs += intervalMs;
      if (samples.length > 0) emit(machine, samples);
    },
  };
}
