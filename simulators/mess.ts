import { createRandom, type Random } from '../core/plant/random.ts';
import type { Sample } from './simulated-plant.ts';

/** What goes wrong between a sensor and us in real plants, by name. */
export const messKinds = ['late', 'missing', 'duplicate', 'out_of_order', 'stuck', 'wrong_unit'] as const;
export type MessKind = (typeof messKinds)[number];
export type Chances = Readonly<Record<MessKind, number>>;

export interface Mess {
  /** What of a sample goes out now: nothing, the sample, the sample twice, an earlier one behind it, or another value. */
  pass(sample: Sample): Sample[];
  /** Late samples whose time has come. */
  release(timeMs: number): Sample[];
  /** How often each thing has happened. */
  readonly counts: Readonly<Record<MessKind, number>>;
}

/** The chances of a setting such as `late=0.01,duplicate=0.002`; what is not named, or `none`, never happens. */
export function readChances(setting: string): Chances {
  const chances = { late: 0, missing: 0, duplicate: 0, out_of_order: 0, stuck: 0, wrong_unit: 0 };
  for (const [name, chance] of setting.split(',').map((part) => part.split('='))) {
    const kind = messKinds.find((each) => each === name);
    if (kind !== undefined) chances[kind] = Number(chance);
  }
  return chances;
}

/**
 * Makes a mess of samples by chance, each sample at most in one way. Late: 5 to 120 s behind its time. Out of order: it
 * comes after its successor. Stuck: the sensor repeats one value for 60 s. Wrong unit: one value in °F, kPa, or the
 * thousandth unit. Stuck and wrong units happen to measurements only. Each signal has chances of its own, so that what
 * befalls it does not depend on when others are asked.
 */
export function createMess(chances: Chances, seed: number): Mess {
  const randoms = new Map<Sample['signal'], Random>();
  const counts = { late: 0, missing: 0, duplicate: 0, out_of_order: 0, stuck: 0, wrong_unit: 0 };
  const total = messKinds.reduce((sum, kind) => sum + chances[kind], 0);
  let late: { dueMs: number; sample: Sample }[] = [];
  const overtaken = new Map<Sample['signal'], Sample>();
  const stuck = new Map<Sample['signal'], { value: Sample['value']; untilMs: number }>();

  function randomOf(signal: Sample['signal']): Random {
    const known = randoms.get(signal);
    if (known !== undefined) return known;
    const random = createRandom(seed, `${signal.machine.machine.path}/${signal.plant.name} mess`);
    randoms.set(signal, random);
    return random;
  }

  function draw(random: Random): MessKind | undefined {
    let left = random.next();
    if (left >= total) return undefined;
    for (const kind of messKinds) {
      left -= chances[kind];
      if (left < 0) return kind;
    }
    return undefined;
  }

  function messUp(sample: Sample): Sample[] {
    const { signal, time_ms, value } = sample;
    const random = randomOf(signal);
    const kind = draw(random);
    const isMeasured = signal.plant.kind === 'measurement' && typeof value === 'number';
    if (kind === undefined || ((kind === 'stuck' || kind === 'wrong_unit') && !isMeasured)) return [sample];
    counts[kind]++;
    switch (kind) {
      case 'late':
        late.push({ dueMs: time_ms + random.between(5000, 120_000), sample: { ...sample, is_late: true } });
        return [];
      case 'missing':
        return [];
      case 'duplicate':
        return [sample, sample];
      case 'out_of_order':
        overtaken.set(signal, sample);
        return [];
      case 'stuck':
        stuck.set(signal, { value, untilMs: time_ms + 60_000 });
        return [sample];
      case 'wrong_unit':
        return [{ ...sample, value: inWrongUnit(signal.plant.unit, value as number) }];
    }
  }

  return {
    counts,
    pass(sample) {
      if (total === 0) return [sample];
      const held = stuck.get(sample.signal);
      if (held !== undefined && sample.time_ms >= held.untilMs) stuck.delete(sample.signal);
      else if (held !== undefined) return [{ ...sample, value: held.value }];
      const before = overtaken.get(sample.signal);
      if (before === undefined) return messUp(sample);
      overtaken.delete(sample.signal);
      return [sample, { ...before, is_late: true }];
    },
    release(timeMs) {
      if (late.length === 0) return [];
      const due = late.filter((each) => each.dueMs <= timeMs);
      if (due.length > 0) late = late.filter((each) => each.dueMs > timeMs);
      return due.map((each) => each.sample);
    },
  };
}

function inWrongUnit(unit: string, value: number): number {
  switch (unit) {
    case 'Cel':
      return value * 1.8 + 32;
    case 'bar':
      return value * 100;
    default:
      return value * 1000;
  }
}
