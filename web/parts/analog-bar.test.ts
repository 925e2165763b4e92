import { expect, test } from 'vitest';
import { barEnds, isBeyond } from './analog-bar.tsx';

const none = {
  range_low: null,
  range_high: null,
  limit_low_low: null,
  limit_low: null,
  limit_high: null,
  limit_high_high: null,
};

test('the bar spans the plausible range, else the limits and a margin, else there is none', () => {
  expect(barEnds({ ...none, range_low: 0, range_high: 100, limit_high: 80 })).toEqual([0, 100]);
  expect(barEnds({ ...none, limit_low: 10, limit_high: 60 })).toEqual([0, 70]);
  expect(barEnds({ ...none, limit_high: 60 })).toBeNull();
  expect(barEnds({ ...none, range_low: 5, range_high: 5 })).toBeNull();
});

test('a limit that is not set is never crossed', () => {
  expect(isBeyond(5, null, null)).toBe(false);
  expect(isBeyond(5, null, 4)).toBe(true);
  expect(isBeyond(5, 6, null)).toBe(true);
  expect(isBeyond(5, 5, 5)).toBe(false);
});
