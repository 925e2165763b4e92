import { expect, test } from 'vitest';
import { growthExponent, median, quantile, ratioInterval, sameThingDifference } from './statistics.ts';

test('median and quantiles', () => {
  expect(median([3, 1, 2])).toBe(2);
  expect(median([4, 1, 2, 3])).toBe(2.5);
  expect(quantile([0, 10, 20, 30, 40], 0.99)).toBeCloseTo(39.6);
  expect(median([])).toBeNaN();
});

test('a ratio comes with an interval that holds it, and is the same at every call', () => {
  const ratio = ratioInterval([80, 82, 78, 81, 79], [100, 101, 99, 102, 98]);
  expect(ratio.value).toBeCloseTo(0.8);
  expect(ratio.low).toBeLessThanOrEqual(ratio.value);
  expect(ratio.high).toBeGreaterThanOrEqual(ratio.value);
  expect(ratio.high - ratio.low).toBeLessThan(0.05);
  expect(ratioInterval([80, 82, 78, 81, 79], [100, 101, 99, 102, 98])).toEqual(ratio);
});

test('what disturbs a pair disturbs its ratio less than its values', () => {
  const halved = ratioInterval([80, 40, 80, 80, 80], [100, 50, 100, 100, 100]);
  expect(halved).toEqual({ value: 0.8, low: 0.8, high: 0.8 });
});

test('two runs of the same thing', () => {
  expect(sameThingDifference([100, 102, 98], [110, 111, 109])).toBeCloseTo(0.0952, 3);
});

test('how a cost grows', () => {
  expect(
    growthExponent([
      { x: 1, y: 3 },
      { x: 10, y: 30 },
      { x: 100, y: 300 },
    ]),
  ).toBeCloseTo(1);
  expect(
    growthExponent([
      { x: 1, y: 5 },
      { x: 4, y: 10 },
      { x: 16, y: 20 },
    ]),
  ).toBeCloseTo(0.5);
});
