import { expect, test } from 'vitest';
import { createServerTime } from './server-time.ts';

test('a delayed heartbeat does not set the clock back', () => {
  let elapsed = 0;
  const time = createServerTime(5_000_000, () => elapsed);
  expect(time.now()).toBe(5_000_000);
  elapsed = 1000;
  time.learn(1_001_000);
  expect(time.now()).toBe(1_001_000);
  elapsed = 11_000;
  time.learn(1_011_000 - 900);
  expect(time.now()).toBe(1_011_000);
});

test('after the machine slept, eight heartbeats later at most, the clock is right again', () => {
  let elapsed = 0;
  const time = createServerTime(0, () => elapsed);
  for (let beat = 0; beat < 8; beat++) {
    elapsed += 10_000;
    time.learn(elapsed + 500);
  }
  // The server's clock was set back by one hour.
  for (let beat = 0; beat < 8; beat++) {
    elapsed += 10_000;
    time.learn(elapsed - 3_600_000);
  }
  expect(time.now()).toBe(elapsed - 3_600_000);
});
