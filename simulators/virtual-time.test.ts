import { describe, expect, it } from 'vitest';
import { createVirtualTime } from './virtual-time.ts';

const start = Date.UTC(2026, 5, 1);
const hour = 3_600_000;

function at(speed: number, lastMs?: number, fromMs?: number) {
  let realMs = start;
  const time = createVirtualTime(() => realMs, speed, lastMs, fromMs);
  return {
    time,
    wait: (ms: number): void => void (realMs += ms),
    pass: (ms: number): number => ((realMs += ms), time.now()),
  };
}

describe("the plant's time", () => {
  it('is the real one at speed 1', () => {
    const { time, pass } = at(1);
    expect(time.now()).toBe(start);
    expect(pass(5000)).toBe(start + 5000);
  });

  it('starts in the past, runs faster, and never gets ahead of the real one', () => {
    const { time, pass } = at(60);
    expect(time.now()).toBe(start - 60 * hour);
    expect(pass(1000)).toBe(start - 60 * hour + 60_000);
    pass(2 * hour);
    expect(time.now()).toBe(start + 2 * hour + 1000);
    expect(pass(1000)).toBe(start + 2 * hour + 2000);
  });

  it('goes on where the last run ended, but not in the future', () => {
    expect(at(60, start - hour).time.now()).toBe(start - hour + 1);
    expect(at(60, start + hour).time.now()).toBe(start);
    expect(at(1, start - hour).time.now()).toBe(start);
  });

  it('starts where it is told, 30 days ago at the most otherwise', () => {
    expect(at(10, undefined, start - 1000).time.now()).toBe(start - 1000);
    expect(at(100_000).time.now()).toBe(start - 30 * 24 * hour);
  });

  it('stands still while it is held, and does not jump afterwards', () => {
    const { time, pass, wait } = at(60);
    const before = time.now();
    wait(10_000);
    time.hold();
    expect(time.now()).toBe(before);
    expect(pass(1000)).toBe(before + 60_000);
  });
});
