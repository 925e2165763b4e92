import { describe, expect, test } from 'vitest';
import {
  appendReading,
  continueWith,
  forgetBefore,
  gapsOf,
  silentSince,
  type TrendColumns,
  verticalRange,
} from './columns.ts';

function empty(bucket_seconds: number | null): TrendColumns {
  return { time: [], min: [], max: [], avg: [], count: [], bad: [], bucket_seconds };
}
const good = (time: number, value: number | null) => ({ time, value, quality: 192 });

describe('live readings', () => {
  test('each is a row of a raw series, and an older one changes nothing', () => {
    const columns = empty(null);
    for (const time of [10, 11, 12]) expect(appendReading(columns, good(time, time * 2), 1)).toBe(true);
    expect(appendReading(columns, good(11.5, 99), 1)).toBe(false);
    expect(appendReading(columns, good(12, 99), 1)).toBe(false);
    expect(columns.time).toEqual([10, 11, 12]);
    expect(columns.avg).toEqual([20, 22, 24]);
  });

  test('a silence longer than five intervals is a gap and never a straight line', () => {
    const columns = empty(null);
    for (const time of [0, 1, 30, 31]) appendReading(columns, good(time, 5), 1);
    expect(columns.avg).toEqual([5, 5, null, 5, 5]);
    expect(gapsOf(columns)).toEqual([[1, 30]]);
  });

  test('what the stream brought while an answer was on its way is not lost', () => {
    const [answer, before] = [empty(null), empty(null)];
    for (const time of [1, 2, 3]) appendReading(answer, good(time, 5), 1);
    for (const time of [2, 3, 4, 5]) appendReading(before, good(time, 7), 1);
    continueWith(answer, before);
    expect(answer.time).toEqual([1, 2, 3, 4, 5]);
    expect(answer.avg).toEqual([5, 5, 5, 7, 7]);
  });

  test('silence begins at the last usable value, also when bad readings follow it', () => {
    const columns = empty(null);
    for (const time of [1, 2, 3]) appendReading(columns, good(time, 5), 1);
    appendReading(columns, { time: 4, value: 777, quality: 0 }, 1);
    expect(silentSince(columns, 0, 7, 5)).toBeNull();
    expect(silentSince(columns, 0, 9, 5)).toBe(3);
    expect(silentSince(empty(null), 0, 9, 5)).toBe(0);
  });

  test('a bad reading is a gap and is marked', () => {
    const columns = empty(null);
    appendReading(columns, good(1, 5), 1);
    appendReading(columns, { time: 2, value: 777, quality: 0 }, 1);
    appendReading(columns, good(3, 5), 1);
    expect(columns.avg).toEqual([5, null, 5]);
    expect(columns.bad).toEqual([2]);
  });

  test('readings of one minute are averaged into its bucket, with the band around it', () => {
    const columns = empty(60);
    for (const [time, value] of [
      [61, 1],
      [62, 3],
      [119, 8],
      [121, 4],
    ] as const)
      appendReading(columns, good(time, value), 1);
    expect(columns.time).toEqual([60, 120]);
    expect(columns.avg).toEqual([4, 4]);
    expect(columns.min).toEqual([1, 4]);
    expect(columns.max).toEqual([8, 4]);
  });

  test('an empty minute is a gap', () => {
    const columns = empty(60);
    for (const time of [60, 240]) appendReading(columns, good(time, 1), 1);
    expect(columns.avg).toEqual([1, null, 1]);
  });
});

test('the window slides, and the line still enters from the left edge', () => {
  const columns = empty(null);
  for (let time = 0; time < 100; time++) appendReading(columns, good(time, time), 1);
  forgetBefore(columns, 90);
  expect(columns.time[0]).toBe(89);
  expect(columns.time).toHaveLength(11);
  expect(columns.avg).toHaveLength(11);
  forgetBefore(columns, 1000);
  expect(columns.time).toEqual([99]);
});

describe('vertical range', () => {
  const none = { limit_low_low: null, limit_low: null, limit_high: null, limit_high_high: null };
  const limits = { ...none, limit_low: 20, limit_high: 80 };

  test('noise does not fill the frame', () => {
    const [bottom, top] = verticalRange(50, 50.1, limits);
    expect(top - bottom).toBeGreaterThanOrEqual(6);
  });
  test('a limit that is near is in the frame, a far one is not', () => {
    expect(verticalRange(60, 75, limits)[1]).toBeGreaterThan(80);
    expect(verticalRange(60, 75, limits)[0]).toBeGreaterThan(20);
  });
  test('data beyond a limit are in the frame', () => {
    expect(verticalRange(60, 95, limits)[1]).toBeGreaterThan(95);
  });
  test('no data, no limits: a frame all the same', () => {
    expect(verticalRange(null, null, none)).toEqual([0, 1]);
    const [bottom, top] = verticalRange(0, 0, none);
    expect(top).toBeGreaterThan(bottom);
  });
});
