import { beforeEach, expect, test } from 'vitest';
import type { Fullness } from '../receiver.ts';
import { createTaking, type Taking } from './taking.ts';

let nowMs = 0;
let intake: { fullness: Fullness | null; isRoomy: boolean };
let taking: Taking;

beforeEach(() => {
  nowMs = 0;
  intake = { fullness: null, isRoomy: true };
  taking = createTaking(intake, () => nowMs);
});

/** Lets `ms` pass with the intake as it is said. */
function pass(ms: number, fullness: Fullness | null, isRoomy = fullness === null): void {
  Object.assign(intake, { fullness, isRoomy });
  taking.look();
  for (const end = nowMs + ms; nowMs < end; ) {
    nowMs += 100;
    taking.look();
  }
}

/** How long after there is plenty of room something is taken again. */
function waitForReturn(): number {
  const since = nowMs;
  while (taking.obstacle !== null) pass(100, null);
  return nowMs - since;
}

test('a full journal ends the taking at once, and not before it was far from full for three seconds it goes on', () => {
  pass(1000, null);
  expect(taking.obstacle).toBeNull();
  pass(0, 'journal');
  expect(taking.obstacle).toBe('journal');
  pass(60_000, null, false);
  expect(taking.obstacle).toBe('journal');
  pass(2000, null);
  pass(100, null, false);
  expect(waitForReturn()).toBe(3000);
});

test.each(['disk', 'memory'] as const)('%s: only what lasts for five seconds ends the taking', (fullness) => {
  for (let round = 0; round < 5; round++) {
    pass(4900, fullness);
    pass(100, null);
    expect(taking.obstacle).toBeNull();
  }
  pass(5000, fullness);
  expect(taking.obstacle).toBe(fullness);
});

test('each quick relapse doubles the waiting up to five minutes; long quiet makes it three seconds again', () => {
  const waits: number[] = [];
  for (let round = 0; round < 9; round++) {
    pass(100, 'journal');
    waits.push(waitForReturn() / 1000);
    pass(5000, null);
  }
  expect(waits).toEqual([3, 6, 12, 24, 48, 96, 192, 300, 300]);
  pass(3_000_000, null);
  pass(100, 'journal');
  expect(waitForReturn()).toBe(3000);
});
