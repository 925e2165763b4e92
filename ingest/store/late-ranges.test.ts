import { expect, test } from 'vitest';
import { appendReading } from '../../core/reading-columns.ts';
import { emptyBatch } from './batch.ts';
import { Outcome } from './insert-readings.ts';
import { lateRanges, minutesOf } from './late-ranges.ts';

const nowMs = Date.UTC(2026, 10, 20, 12);
const minuteUs = 60_000_000;

/** One late reading of each signal in each of the last minutes, an hour ago. */
function touched(signals: number, minutes: number, outcome: number = Outcome.stored): (number[][] | null)[] {
  const batch = emptyBatch(1, signals * minutes);
  for (let minute = 0; minute < minutes; minute++) {
    for (let signal = 1; signal <= signals; signal++) {
      appendReading(batch.columns, (nowMs - 3_600_000) * 1000 + minute * minuteUs + signal, signal, 1, 192);
    }
  }
  const outcomes = new Uint8Array(signals * minutes).fill(outcome);
  return lateRanges(batch, outcomes, nowMs, () => undefined).map((range) => minutesOf(range));
}

test('a late reading is noted as its minute of its signal, twice in one minute once', () => {
  const start = (nowMs - 3_600_000) * 1000;
  expect(touched(2, 2)).toEqual([
    [
      [1, start],
      [2, start],
      [1, start + minuteUs],
      [2, start + minuteUs],
    ],
  ]);
  const batch = emptyBatch(1, 2);
  for (const offset of [1, 59_999_999]) appendReading(batch.columns, start + offset, 7, 1, 192);
  expect(lateRanges(batch, new Uint8Array(2), nowMs, () => undefined).map((range) => minutesOf(range))).toEqual([
    [[7, start]],
  ]);
});

test('what was not stored is not late', () => {
  expect(touched(3, 2, Outcome.duplicate)).toEqual([]);
  expect(touched(3, 2, Outcome.too_old)).toEqual([]);
});

test('a minute of most signals is left to a refresh of all signals', () => {
  expect(touched(300, 2)[0]).toHaveLength(600);
  expect(touched(301, 2)).toEqual([null]);
});

test('a flood of readings over many years is one range of exactly its minutes, whose holes are not refreshed', () => {
  const batch = emptyBatch(1, 20_000);
  const start = Date.UTC(1990, 0, 2) * 1000;
  for (let row = 0; row < 20_000; row++)
    appendReading(batch.columns, start + row * 900 * minuteUs, 1 + (row % 9), 1, 192);
  const ranges = lateRanges(batch, new Uint8Array(20_000), nowMs, () => undefined);
  expect(ranges.length).toBeLessThanOrEqual(200);
  expect(ranges.flatMap((range) => minutesOf(range) ?? [])).toHaveLength(20_000);
});
