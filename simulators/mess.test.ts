import { describe, expect, it } from 'vitest';
import { referencePlant } from '../core/plant/reference-plant.ts';
import { createMess, messKinds, readChances, type MessKind } from './mess.ts';
import { createSimulatedPlant, type Sample, type SimulatedSignal } from './simulated-plant.ts';

const none = readChances('none');
const plant = createSimulatedPlant({
  plant: referencePlant(1),
  seed: 1,
  mess: createMess(none, 1),
  protocols: ['mqtt'],
  maxLines: 1,
});
const signals = plant.machines[0]?.signals ?? [];
const temperature = signals.find((signal) => signal.plant.name === 'temperature') as SimulatedSignal;

function run(setting: string, count: number) {
  const mess = createMess(readChances(setting), 7);
  const sent: Sample[] = [];
  for (let second = 0; second < count; second++) {
    sent.push(
      ...mess.release(second * 1000),
      ...mess.pass({ signal: temperature, time_ms: second * 1000, value: 20 + second / 1000 }),
    );
  }
  sent.push(...mess.release(count * 1000 + 120_000));
  return { sent, counts: mess.counts, times: sent.map((sample) => sample.time_ms / 1000) };
}

/** What of ten minutes of a line goes out, signal by signal, when the plant is moved on in steps of `tickMs`. */
function runLine(tickMs: number): Map<string, string[]> {
  const line = createSimulatedPlant({
    plant: referencePlant(1),
    seed: 1,
    mess: createMess(
      readChances('late=0.02,missing=0.01,duplicate=0.01,out_of_order=0.01,stuck=0.001,wrong_unit=0.01'),
      7,
    ),
    protocols: ['mqtt'],
    maxLines: 1,
  });
  const start = Date.parse('2026-03-03T07:00:00Z');
  const sent = new Map<string, string[]>();
  for (let time = start; time <= start + 600_000; time += tickMs) {
    line.advance(time, (machine, samples) => {
      for (const { signal, time_ms, value, is_late } of samples) {
        const path = `${machine.machine.path}/${signal.plant.name}`;
        if (!sent.has(path)) sent.set(path, []);
        sent.get(path)?.push(`${time_ms} ${value}${is_late === true ? ' late' : ''}`);
      }
    });
  }
  // When a late sample comes depends on when the plant is looked at; that it does, and how late it is, does not.
  for (const list of sent.values()) list.sort();
  return sent;
}

describe('mess', () => {
  it('befalls each signal alike, however long the steps are in which the plant is moved on', () => {
    const fine = runLine(1000);
    const coarse = runLine(30_000);
    expect(fine.size).toBeGreaterThan(80);
    expect([...fine.values()].flat().filter((sample) => sample.endsWith('late')).length).toBeGreaterThan(500);
    expect([...fine].filter(([path, list]) => list.join() !== coarse.get(path)?.join()).map(([path]) => path)).toEqual(
      [],
    );
  });

  it('befalls each signal in its own way', () => {
    const lists = [...runLine(1000)].filter(([path]) => path.endsWith('/temperature')).map(([, list]) => list);
    const lateTimes = lists.map((list) =>
      list
        .filter((sample) => sample.endsWith('late'))
        .map((sample) => sample.split(' ')[0]?.slice(0, -3))
        .join(),
    );
    expect(new Set(lateTimes).size).toBe(lists.length);
  });

  it('is none by default of a test, and all that is named in a setting', () => {
    expect(readChances('none')).toEqual(Object.fromEntries(messKinds.map((kind) => [kind, 0])));
    expect(readChances('late=0.01,stuck=.5')).toMatchObject({ late: 0.01, stuck: 0.5, missing: 0 });
    expect(run('none', 1000).times).toEqual(Array.from({ length: 1000 }, (_, second) => second));
  });

  it('happens as often as its chance says', () => {
    const { counts } = run('late=0.02,missing=0.01,duplicate=0.03,out_of_order=0.02', 50_000);
    const expected: Partial<Record<MessKind, number>> = {
      late: 1000,
      missing: 500,
      duplicate: 1500,
      out_of_order: 1000,
    };
    for (const [kind, count] of Object.entries(expected)) {
      expect(counts[kind as MessKind]).toBeGreaterThan(count * 0.85);
      expect(counts[kind as MessKind]).toBeLessThan(count * 1.15);
    }
    expect([counts.stuck, counts.wrong_unit]).toEqual([0, 0]);
  });

  it('late: everything arrives, some of it later and marked', () => {
    const { sent, times, counts } = run('late=0.05', 2000);
    expect(times.toSorted((one, two) => one - two)).toEqual(Array.from({ length: 2000 }, (_, second) => second));
    expect(sent.filter((sample) => sample.is_late)).toHaveLength(counts.late);
    expect(counts.late).toBeGreaterThan(50);
  });

  it('missing, duplicate: exactly so many fewer or more', () => {
    const missing = run('missing=0.05', 2000);
    expect(missing.sent).toHaveLength(2000 - missing.counts.missing);
    const duplicate = run('duplicate=0.05', 2000);
    expect(duplicate.sent).toHaveLength(2000 + duplicate.counts.duplicate);
    expect(new Set(duplicate.times).size).toBe(2000);
  });

  it('out of order: a sample comes right after its successor', () => {
    const { times, counts } = run('out_of_order=0.05', 2000);
    const backwards = times.filter((time, index) => index > 0 && time < (times[index - 1] ?? 0));
    expect(backwards).toHaveLength(counts.out_of_order);
    expect(counts.out_of_order).toBeGreaterThan(50);
  });

  it('stuck: a value stands still for a minute', () => {
    const { sent } = run('stuck=0.005', 5000);
    const longest = sent.reduce(
      (runs, sample, index) =>
        sample.value === sent[index - 1]?.value ? [...runs.slice(0, -1), (runs.at(-1) ?? 0) + 1] : [...runs, 1],
      [] as number[],
    );
    expect(Math.max(...longest)).toBe(60);
  });

  it('wrong unit: some degrees are Fahrenheit', () => {
    const { sent, counts } = run('wrong_unit=0.05', 1000);
    const odd = sent.filter((sample) => sample.value !== 20 + sample.time_ms / 1e6);
    expect(odd).toHaveLength(counts.wrong_unit);
    expect(odd[0]?.value).toBeCloseTo((20 + (odd[0]?.time_ms ?? 0) / 1e6) * 1.8 + 32);
  });
});
