import { describe, expect, test } from 'vitest';
import { chooseBucket, mergeBuckets, mergeRaw } from './series-columns.ts';

describe('chooseBucket', () => {
  test.each([
    [3600, 2000, 60],
    [86_400, 2000, 60],
    [2 * 86_400, 2000, 300],
    [7 * 86_400, 2000, 900],
    [30 * 86_400, 2000, 3600],
    [90 * 86_400, 2000, 14_400],
    [365 * 86_400, 2000, 43_200],
    [365 * 86_400, 20, 30 * 86_400],
  ])('%i s in at most %i rows takes buckets of %i s', (span, most, seconds) => {
    expect(chooseBucket(span, most).seconds).toBe(seconds);
  });

  test('is never finer than asked and never more than five times coarser than needed, from a minute to a week', () => {
    for (let span = 60; span < 300 * 86_400; span *= 1.3) {
      const { seconds } = chooseBucket(span, 1000);
      expect(span / seconds).toBeLessThanOrEqual(1000);
      expect(seconds === 60 || (span / seconds) * 5 > 1000).toBe(true);
    }
  });
});

describe('mergeRaw', () => {
  test('keeps every reading, makes bad ones a gap, and breaks the line behind a silence', () => {
    const rows = [
      { time_ms: 0, value: 1 },
      { time_ms: 1000, value: null },
      { time_ms: 2000, value: 3 },
      { time_ms: 9000, value: 4 },
    ];
    const columns = mergeRaw(rows, { silenceMs: 5000, endMs: 20_000 });
    expect(columns.time_ms).toEqual([0, 1000, 2000, 2001, 9000, 9001]);
    expect(columns.last).toEqual([1, null, 3, null, 4, null]);
    expect(columns.count).toEqual([1, 0, 1, 0, 1, 0]);
    expect(columns.bad_count).toEqual([0, 1, 0, 0, 0, 0]);
  });

  test('lets a signal that reports changes be silent, and takes a NaN for no value', () => {
    const columns = mergeRaw(
      [
        { time_ms: 0, value: 6 },
        { time_ms: 1, value: Number.NaN },
      ],
      { silenceMs: null, endMs: 1e9 },
    );
    expect(columns).toMatchObject({ time_ms: [0, 1], last: [6, null], bad_count: [0, 1] });
  });

  test('nothing gives nothing', () => {
    expect(mergeRaw([], { silenceMs: 1, endMs: 10 }).time_ms).toEqual([]);
  });
});

describe('mergeBuckets', () => {
  const bucket = (time_ms: number, count: number, sum: number | null, bad_count = 0) => ({
    time_ms,
    count,
    sum,
    min: sum,
    max: sum,
    last: sum,
    bad_count,
  });

  test('averages over usable readings and shows the first of several missing buckets as a gap', () => {
    const rows = [bucket(0, 4, 10), bucket(60, 0, null, 5), bucket(240, 2, 3)];
    const columns = mergeBuckets(rows, { widthMs: 60, endMs: 300 });
    expect(columns.time_ms).toEqual([0, 60, 120, 240]);
    expect(columns.avg).toEqual([2.5, null, null, 1.5]);
    expect(columns.count).toEqual([4, 0, 0, 2]);
    expect(columns.bad_count).toEqual([0, 5, 0, 0]);
  });

  test('ends with a gap when the last bucket is long over, not while the next one is still filling', () => {
    expect(mergeBuckets([bucket(0, 1, 1)], { widthMs: 60, endMs: 119 }).time_ms).toEqual([0]);
    expect(mergeBuckets([bucket(0, 1, 1)], { widthMs: 60, endMs: 120 }).time_ms).toEqual([0, 60]);
  });
});
