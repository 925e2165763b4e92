import { expect, test } from 'vitest';
import { aheadOf, following } from './sequence.ts';

test('numbers go on with 1 after the last one', () => {
  expect([following(1), following(0xffff_fffe), following(0xffff_ffff)]).toEqual([2, 0xffff_ffff, 1]);
});

test('the distance counts messages, over the end of the numbers too', () => {
  expect([aheadOf(5, 5), aheadOf(5, 8), aheadOf(5, 3)]).toEqual([0, 3, -2]);
  expect([aheadOf(0xffff_ffff, 1), aheadOf(0xffff_fffe, 3)]).toEqual([1, 4]);
  expect([aheadOf(1, 0xffff_ffff), aheadOf(2, 0xffff_ffff)]).toEqual([-1, -2]);
});
