import { describe, expect, it } from 'vitest';
import { counterGain, type CounterQuantity, countWeights } from './counters.ts';

describe('what a counter gained', () => {
  it.each([
    ['the first value only sets the mark', Number.NaN, 5000, null, 0],
    ['it counted on', 100, 103, null, 3],
    ['it stood still', 100, 100, null, 0],
    ['it rolled over', 2_147_483_640, 5, 2_147_483_647, 13],
    ['it was reset and counted on', 5000, 4, null, 4],
    ['it was reset far from its rollover', 5000, 4, 2_147_483_647, 4],
    ['somebody corrected it', 5000, 4998, null, 0],
  ])('%s', (_name, last, value, rollover, gain) => {
    expect(counterGain(last, value, rollover)).toBe(gain);
  });
});

describe('counts that a machine does not count itself', () => {
  const cases: CounterQuantity[][] = [
    ['good', 'reject'],
    ['good', 'total'],
    ['reject', 'total'],
    ['good', 'reject', 'total'],
    ['good'],
    ['total'],
  ];
  it.each(cases.map((has) => [has.join(' and '), has] as const))('follow from %s', (_name, has) => {
    // 10 pieces of which 2 are bad; a machine without a counter of bad ones knows of none.
    const bad = has.includes('reject') || (has.includes('good') && has.includes('total')) ? 2 : 0;
    const shown = { good: 10 - bad, reject: bad, total: 10 };
    const sum = { total: 0, good: 0, reject: 0 };
    for (const quantity of has) {
      const weights = countWeights(quantity, new Set(has));
      sum.total += shown[quantity] * weights.total;
      sum.good += shown[quantity] * weights.good;
      sum.reject += shown[quantity] * weights.reject;
    }
    expect(sum).toEqual({ total: 10, good: 10 - bad, reject: bad });
  });
});
