import { describe, expect, it } from 'vitest';
import { PackState } from '../../core/packml.ts';
import type { PlantMachine, PlantSignal } from '../../core/plant/plant-document.ts';
import { referencePlant } from '../../core/plant/reference-plant.ts';
import { failureModes, type FailureMode } from './failure.ts';
import { createLine, type Line } from './line.ts';
import { createMachine, type Machine, type MachineOptions } from './machine.ts';

const seed = 1781;
const plant = referencePlant(seed);
const monday = Date.UTC(2026, 2, 2);

/** One machine of each class, at a site of each voltage, alone on its line, so that nothing starves it. */
function everyKind(): { machine: PlantMachine; path: string; line: () => Line }[] {
  const found = new Map<string, { machine: PlantMachine; path: string; line: () => Line }>();
  for (const site of plant.sites) {
    for (const line of site.lines) {
      for (const machine of line.machines) {
        const path = `${site.name}/${line.name}/${machine.name}`;
        const eighth = machine.signals.filter((signal) => signal.kind === 'measurement').length;
        found.set(`${site.name} ${machine.class} ${eighth}`, {
          machine,
          path,
          line: () => createLine(site, line, seed),
        });
      }
    }
  }
  return [...found.values()];
}

function oneOfEachClass(): ReturnType<typeof everyKind> {
  return [...Map.groupBy(everyKind(), (kind) => kind.machine.class).values()].flatMap((kinds) => kinds[0] ?? []);
}

function open(kind: ReturnType<typeof everyKind>[number], more: Partial<MachineOptions> = {}): Machine {
  return createMachine({ plant: kind.machine, path: kind.path, position: 0, line: kind.line(), seed, ...more });
}

const isBeyond = (signal: PlantSignal, value: number): boolean =>
  value > (signal.limit_high ?? Infinity) || value < (signal.limit_low ?? -Infinity);

describe('a healthy machine', () => {
  it('stays within its limits and ranges for a week', () => {
    const beyond: string[] = [];
    let readings = 0;
    for (const kind of everyKind()) {
      const machine = open(kind);
      for (let time = monday; time < monday + 7 * 86_400_000 && machine.breakdown === undefined; time += 3_700_000) {
        machine.step(time);
        for (const [index, signal] of kind.machine.signals.entries()) {
          if (signal.kind !== 'measurement') continue;
          const value = machine.read(index) as number;
          readings++;
          const outside = value < (signal.range_low ?? -Infinity) || value > (signal.range_high ?? Infinity);
          if (outside || isBeyond(signal, value))
            beyond.push(`${kind.path} ${kind.machine.class} ${signal.name} ${value}`);
        }
      }
    }
    expect(beyond).toEqual([]);
    expect(readings).toBeGreaterThan(30_000);
  });

  it('works most of the time, pauses in breaks, and counts what it makes', () => {
    const [kind] = everyKind();
    if (kind === undefined) throw new Error('no machine');
    const line = kind.line();
    const machine = open(kind, { line });
    const good = kind.machine.signals.findIndex((signal) => signal.name === 'good');
    const seconds = new Map<number, number>();
    let ideal = 0;
    machine.step(monday);
    const before = machine.read(good) as number;
    let last = before;
    let made = 0;
    const inBreaks = new Set<number>();
    for (let time = monday; time < monday + 86_400_000; time += 1000) {
      machine.step(time);
      const moment = line.at(time);
      if (!moment.working && time % 900_000 > 60_000) inBreaks.add(machine.state);
      if (machine.state === PackState.Execute) ideal += 1 / moment.ideal_cycle_seconds;
      seconds.set(machine.state, (seconds.get(machine.state) ?? 0) + 1);
      const now = machine.read(good) as number;
      made += now >= last ? now - last : now;
      last = now;
    }
    expect(seconds.get(PackState.Execute) ?? 0).toBeGreaterThan(86_400 * 0.6);
    expect(seconds.get(PackState.Held) ?? 0).toBeGreaterThan(300);
    expect([...inBreaks]).toEqual([PackState.Idle]);
    expect(made / ideal).toBeGreaterThan(0.85);
    expect(made / ideal).toBeLessThan(1);
  });

  it('loads the next order when it is set up for it, and makes nothing before it runs', () => {
    const [kind] = everyKind();
    if (kind === undefined) throw new Error('no machine');
    const line = kind.line();
    const machine = open(kind, { line });
    const index = (name: string): number => kind.machine.signals.findIndex((signal) => signal.name === name);
    let changes = 0;
    let order: unknown;
    const odd: number[] = [];
    let madeInSetup = 0;
    let count = 0;
    for (let time = monday; time < monday + 86_400_000; time += 1000) {
      machine.step(time);
      const now = machine.read(index('order'));
      const good = machine.read(index('good')) as number;
      const moment = line.at(time);
      if (order !== undefined && now !== order) {
        changes++;
        if (moment.changeover && (now !== moment.next_product || machine.state !== PackState.Resetting)) odd.push(time);
      }
      if (moment.changeover && now === moment.next_product) madeInSetup += good - count;
      order = now;
      count = good;
    }
    expect(changes).toBeGreaterThan(2);
    expect(odd).toEqual([]);
    expect(madeInSetup).toBe(0);
  });

  it('is the same for the same seed, whatever else is evaluated', () => {
    const [one, other] = everyKind();
    if (one === undefined || other === undefined) throw new Error('no machine');
    const alone = open(one);
    const together = open(one);
    const neighbour = open(other);
    for (let time = monday; time < monday + 3_600_000; time += 1000) {
      alone.step(time);
      neighbour.step(time);
      together.step(time);
      for (const index of other.machine.signals.keys()) neighbour.read(index);
      const read = (machine: Machine): unknown[] => one.machine.signals.map((_, index) => machine.read(index));
      expect(read(together)).toEqual(read(alone));
    }
  });
});

/** Lets a failure grow over four hours and notes when each signal first stays beyond its limit. */
function runToFailure(kind: ReturnType<typeof everyKind>[number], mode: FailureMode) {
  const events: string[] = [];
  const machine = open(kind, { onBreakdown: (what, breakdown) => events.push(`${what} ${breakdown.failure_mode}`) });
  let time = monday + 8 * 3_600_000;
  for (; time < monday + 9 * 3_600_000; time += 20_000) machine.step(time);
  expect(machine.inject(mode, 4, time)).toBe(true);
  expect(machine.inject(mode, 4, time)).toBe(false);
  const startedAt = time;
  const crossed = new Map<string, number>();
  const codes = new Set<number>();
  let failedAt = 0;
  let endedAt = 0;
  for (; endedAt === 0 && time < startedAt + 8 * 3_600_000; time += 20_000) {
    machine.step(time);
    if (machine.state === PackState.Aborted && failedAt === 0) failedAt = time;
    if (failedAt > 0 && machine.breakdown === undefined) endedAt = time;
    for (const [index, signal] of kind.machine.signals.entries()) {
      const value = machine.read(index);
      if (signal.kind === 'fault') codes.add(value as number);
      if (signal.kind !== 'measurement' || failedAt > 0) continue;
      if (isBeyond(signal, value as number) && !crossed.has(signal.name))
        crossed.set(signal.name, (time - startedAt) / 3_600_000);
    }
  }
  return {
    events,
    crossed: [...crossed.keys()],
    firstHours: [...crossed.values()][0] ?? Infinity,
    codes: [...codes],
    failedAt,
    endedAt,
    startedAt,
  };
}

// Current follows torque, so a worn tool shows in both at the same time.
const signature: Record<FailureMode, { first: RegExp; shows: string[]; neverShows: string[] }> = {
  bearing: { first: /vibration/, shows: [], neverShows: ['torque', 'voltage', 'speed', 'pressure'] },
  overheating: { first: /temperature/, shows: [], neverShows: ['vibration', 'voltage', 'torque', 'current'] },
  tool_wear: {
    first: /torque|current/,
    shows: ['torque', 'current'],
    neverShows: ['vibration', 'voltage', 'temperature'],
  },
  electrical: { first: /voltage/, shows: ['current'], neverShows: ['vibration', 'torque'] },
};

describe.each(failureModes)('a machine that fails by %s', (mode) => {
  it.each(oneOfEachClass())(
    'shows it in the order of its signature, breaks down, is repaired: $machine.class',
    (kind) => {
      const { events, crossed, firstHours, codes, failedAt, endedAt, startedAt } = runToFailure(kind, mode);
      expect(crossed[0]).toMatch(signature[mode].first);
      expect(crossed).toEqual(expect.arrayContaining(signature[mode].shows));
      expect(crossed.filter((name) => signature[mode].neverShows.includes(name))).toEqual([]);
      // There is time to act between the first sign and the breakdown.
      expect(firstHours).toBeGreaterThan(0.2);
      expect(firstHours).toBeLessThan(3.5);
      expect((failedAt - startedAt) / 3_600_000).toBeCloseTo(4, 0);
      expect(endedAt - failedAt).toBeGreaterThan(20 * 60_000);
      expect(events).toEqual([`started ${mode}`, `detectable ${mode}`, `failed ${mode}`, `ended ${mode}`]);
      expect(codes).toHaveLength(2);
    },
  );
});
