import { PackState } from '../../core/packml.ts';
import { hallTemperature, type MachineClass } from '../../core/plant/machine-class.ts';
import { createRandom } from '../../core/plant/random.ts';
import type { FailureEffect } from './failure.ts';

/** What the machine is doing, as far as its sensors feel it. */
export interface Drive {
  state: PackState;
  /** Load that the product asks for, 0 to 1, and speed as a part of the nominal one. */
  load: number;
  speed: number;
  /** Local hour of the day. */
  hour: number;
  /** How worn the machine is in its ordinary life, 0 to 1. */
  wear: number;
  effect: FailureEffect;
}

/** Where the physics of a machine stands: what cannot be known from its drive alone. */
export interface SensorMemory {
  load: number;
  speed: number;
  temperature: number;
  load_wander: number;
  grid_wander: number;
  level_phase: number;
}

export interface Sensors {
  /**
   * Moves the physics on by `seconds`; exact for any step length, so that tests may use coarse ones. A machine without a
   * memory is at its first step where it would be had it done the same for hours: a machine does not go cold because its
   * simulator was started, and 236 that warm up at once looked to analytics like 51 unknown failures.
   */
  step(seconds: number, drive: Drive): void;
  /** What a sensor of this quantity shows now, with its noise, rounded as such sensors are. */
  read(quantity: string): number | undefined;
  remember(): SensorMemory;
}

/** How finely each kind of sensor resolves. */
const decimals: Readonly<Record<string, number>> = {
  temperature: 2,
  vibration: 3,
  pressure: 3,
  current: 2,
  voltage: 1,
  speed: 1,
  torque: 2,
  power: 2,
  flow: 2,
  level: 2,
  humidity: 2,
  acoustic: 1,
};

/**
 * The sensors of one machine. One load drives them all, so they belong together as on a real machine: torque follows
 * load, current follows torque, temperature follows load with the machine's time constant, vibration follows speed
 * squared and wear, voltage sags with load, power is voltage times current.
 */
export function createSensors(
  of: MachineClass,
  nominalVoltage: number,
  seed: number,
  name: string,
  memory?: SensorMemory,
): Sensors {
  const random = createRandom(seed, `${name} sensors`);
  // No two machines of a kind are alike: each figure is up to 2 % off.
  const own = {
    speed: own2(),
    torque: own2(),
    current: own2(),
    voltage: own2(),
    pressure: own2(),
    vibration: own2(),
    heat: own2(),
    eighth: own2(),
  };
  const levelPeriod = random.between(1800, 5400);
  let levelPhase = random.next();
  levelPhase = memory?.level_phase ?? levelPhase;
  let settled = memory !== undefined;
  let load = memory?.load ?? 0;
  let speed = memory?.speed ?? 0;
  let torque = 0;
  let current = 0;
  let voltage = nominalVoltage;
  let temperature: number = memory?.temperature ?? hallTemperature.mean;
  let vibration = 0;
  let hall: number = hallTemperature.mean;
  let gridWander = memory?.grid_wander ?? 0;
  let loadWander = memory?.load_wander ?? 0;
  let currentNoise = 1;
  let flowFactor = 1;
  let powered = 1;

  function own2(): number {
    return random.between(0.98, 1.02);
  }
  /** An even wander between -1 and 1 that forgets itself after `memory` seconds. */
  function wander(value: number, seconds: number, memory: number): number {
    const keep = Math.exp(-seconds / memory);
    return Math.max(-1, Math.min(1, value * keep + random.noise() * 0.5 * Math.sqrt(1 - keep * keep)));
  }
  function approach(value: number, target: number, seconds: number, constant: number): number {
    return target + (value - target) * Math.exp(-seconds / constant);
  }

  function step(stepSeconds: number, { state, load: wanted, speed: wantedSpeed, hour, wear, effect }: Drive): void {
    const seconds = settled ? stepSeconds : Infinity;
    settled = true;
    const executing = state === PackState.Execute;
    const turning =
      executing || state === PackState.Suspended || state === PackState.Idle || state === PackState.Starting;
    powered = state === PackState.Stopped || state === PackState.Aborted ? 0.25 : 1;
    loadWander = wander(loadWander, seconds, 300);
    gridWander = wander(gridWander, seconds, 1200);
    const targetLoad = executing ? Math.min(1, wanted * (1 + 0.03 * loadWander)) : turning ? 0.08 : 0;
    const targetSpeed = executing ? wantedSpeed * effect.speed : turning ? 0.15 : 0;
    load = approach(load, targetLoad, seconds, 4);
    speed = approach(speed, targetSpeed, seconds, 5);
    torque = load * own.torque * effect.torque;
    currentNoise = effect.currentNoise;
    flowFactor = effect.flow;
    current = (0.12 * powered + 0.88 * torque) * own.current * effect.current;
    // The warmest hour of the hall is three in the afternoon.
    const day = Math.cos(((hour - 15) / 12) * Math.PI);
    hall = hallTemperature.mean + (hallTemperature.swing - 0.5) * day;
    voltage = nominalVoltage * (1 + 0.006 * day + 0.012 * gridWander - 0.006 * load) * (executing ? effect.voltage : 1);
    const heat = of.temperature_rise * own.heat * load ** 1.2 + (executing ? effect.heat : 0);
    temperature = approach(temperature, hall + heat, seconds, of.temperature_seconds);
    vibration = of.vibration * own.vibration * (0.04 + 0.96 * speed * speed) * (1 + 0.1 * load) * (1 + 0.15 * wear);
    vibration *= 1 + (effect.vibration - 1) * Math.min(1, speed * speed * 1.1);
    levelPhase = (levelPhase + stepSeconds / levelPeriod) % 1;
  }

  function raw(quantity: string): number | undefined {
    const noise = random.noise();
    switch (quantity) {
      case 'temperature':
        return temperature + 0.15 * noise;
      case 'vibration':
        return vibration * (1 + 0.05 * noise) + 0.01 * (1 + noise / 4);
      case 'pressure':
        return of.pressure * own.pressure * (1 - 0.05 * load + 0.004 * noise);
      case 'current':
        return of.current * current * (1 + 0.01 * currentNoise * noise);
      case 'voltage':
        return voltage * own.voltage * (1 + 0.0015 * noise);
      case 'speed':
        return of.speed * own.speed * speed * (1 + 0.003 * noise);
      case 'torque':
        return of.torque * torque * (1 + 0.01 * noise);
      case 'power':
        return of.eighth_value * current * (voltage / nominalVoltage) * (1 + 0.005 * noise);
      case 'flow':
        return of.eighth_value * own.eighth * speed * flowFactor * (1 + 0.01 * noise);
      case 'level':
        return of.eighth_value + 12 * (Math.abs(levelPhase * 4 - 2) - 1) + 0.3 * noise;
      case 'humidity':
        return of.eighth_value + 4 * Math.sin(levelPhase * 2 * Math.PI) + 0.6 * noise;
      case 'acoustic':
        return (
          of.eighth_value -
          14 * Math.max(0, 1 - speed) +
          6 * Math.log10(Math.max(0.2, vibration / of.vibration)) +
          0.5 * noise
        );
      default:
        return undefined;
    }
  }

  return {
    step,
    remember: () => ({
      load,
      speed,
      temperature,
      load_wander: loadWander,
      grid_wander: gridWander,
      level_phase: levelPhase,
    }),
    read(quantity) {
      const value = raw(quantity);
      if (value === undefined) return undefined;
      const scale = 10 ** (decimals[quantity] ?? 3);
      return Math.max(0, Math.round(value * scale) / scale);
    },
  };
}
