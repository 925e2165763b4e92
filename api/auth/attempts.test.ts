import { expect, test } from 'vitest';
import { createAttempts } from './attempts.ts';

test('after ten failures a key waits until the window of the first has passed', () => {
  let nowMs = 1_000_000;
  const attempts = createAttempts(() => nowMs);
  for (let attempt = 0; attempt < 9; attempt++) attempts.failed('a');
  expect(attempts.wait('a')).toBe(0);
  nowMs += 60_000;
  attempts.failed('a');
  expect(attempts.wait('a')).toBe(14 * 60);
  expect(attempts.wait('b')).toBe(0);
  nowMs += 14 * 60_000;
  expect(attempts.wait('a')).toBe(0);
  attempts.failed('a');
  expect(attempts.wait('a')).toBe(0);
});

test('a success forgets the failures before it', () => {
  const attempts = createAttempts(() => 0, 2);
  attempts.failed('a');
  attempts.succeeded('a');
  attempts.failed('a');
  expect(attempts.wait('a')).toBe(0);
});

test('a flood of names forgets the oldest instead of growing', () => {
  const attempts = createAttempts(() => 0, 1, 1000, 3);
  for (const key of ['a', 'b', 'c', 'd']) attempts.failed(key);
  expect(['a', 'b', 'c', 'd'].map((key) => attempts.wait(key))).toEqual([0, 1, 1, 1]);
});
