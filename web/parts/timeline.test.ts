import { expect, test } from 'vitest';
import { hourMarks } from './timeline.tsx';

const hour = 3_600_000;

test('full hours only, both ends included', () => {
  expect(hourMarks(0, 3 * hour)).toEqual([0, hour, 2 * hour, 3 * hour]);
  expect(hourMarks(hour / 2, 2 * hour + 1)).toEqual([hour, 2 * hour]);
});

test('a long range is thinned to what can be read', () => {
  expect(hourMarks(1, 48 * hour).length).toBeLessThanOrEqual(13);
});
