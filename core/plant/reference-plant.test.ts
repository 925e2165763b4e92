import { describe, expect, it } from 'vitest';
import { referencePlant } from './reference-plant.ts';

const plant = referencePlant(1781);
const lines = plant.sites.flatMap((site) => site.lines);
const machines = lines.flatMap((line) => line.machines);
const signals = machines.flatMap((machine) => machine.signals);

describe('the reference plant', () => {
  it('has exactly 3 sites, 21 lines, 236 machines and 1,781 sensors', () => {
    const sensors = signals.filter((signal) => signal.kind === 'measurement');
    expect([plant.sites.length, lines.length, machines.length, sensors.length]).toEqual([3, 21, 236, 1781]);
  });

  it('has seven lines on each protocol, all three at every site, and one address a signal', () => {
    const protocolOf = (line: (typeof lines)[number]) => line.machines[0]?.signals[0]?.sources[0]?.protocol;
    const counts = Object.groupBy(lines, (line) => protocolOf(line) ?? 'none');
    expect(Object.fromEntries(Object.entries(counts).map(([name, of]) => [name, of.length]))).toEqual({
      mqtt: 7,
      sparkplug: 7,
      opcua: 7,
    });
    for (const site of plant.sites) expect(new Set(site.lines.map(protocolOf)).size).toBe(3);
    expect(new Set(signals.flatMap((signal) => signal.sources.map((source) => source.address))).size).toBe(
      signals.length,
    );
  });

  it('has a state, two counters, a fault code and an order on every machine, and one constraint on every line', () => {
    for (const machine of machines) {
      const others = machine.signals.filter((signal) => signal.kind !== 'measurement').map((signal) => signal.quantity);
      expect(others).toEqual(['state', 'good', 'reject', 'fault', 'order']);
    }
    for (const line of lines) {
      expect(line.machines.filter((machine) => machine.constraint)).toHaveLength(1);
      expect(line.ideal_cycles.length).toBeGreaterThanOrEqual(2);
      expect(line.ideal_cycles.length).toBeLessThanOrEqual(4);
    }
  });

  it('is the same for the same seed, and another for another seed', () => {
    expect(referencePlant(1781)).toEqual(plant);
    expect(JSON.stringify(referencePlant(7))).not.toBe(JSON.stringify(plant));
  });

  it('keeps its counts for other seeds', () => {
    for (const seed of [0, 1, 2, 42, 99_999]) {
      const other = referencePlant(seed).sites.flatMap((site) => site.lines.flatMap((line) => line.machines));
      const sensors = other.flatMap((machine) => machine.signals).filter((signal) => signal.kind === 'measurement');
      expect([other.length, sensors.length]).toEqual([236, 1781]);
    }
  });
});
