import { expect, test } from 'vitest';
import { appendReading, createColumns } from '../../core/reading-columns.ts';
import type { Batch } from './batch.ts';
import { Outcome } from './insert-readings.ts';
import { newestRows } from './latest-values.ts';

/** Rows of [signal, seconds], all received at 100 s, of which those in `duplicates` were not stored. */
function newest(rows: readonly (readonly [signal: number, seconds: number])[], duplicates: number[] = []): number[] {
  const columns = createColumns(rows.length);
  for (const [signal, seconds] of rows) appendReading(columns, seconds * 1e6, signal, 1, 192);
  const outcome = new Uint8Array(rows.length);
  for (const row of duplicates) outcome[row] = Outcome.duplicate;
  const batch = { columns, part_of_row: rows.map(() => 0), latest_rows: rows.length } as unknown as Batch;
  return newestRows(batch, outcome, Float64Array.of(100e6)).sort((left, right) => left - right);
}

test('the newest stored row of each signal, whichever stands first', () => {
  expect(newest([])).toEqual([]);
  expect(
    newest([
      [7, 3],
      [7, 9],
      [7, 5],
      [8, 1],
    ]),
  ).toEqual([1, 3]);
  expect(
    newest(
      [
        [7, 3],
        [7, 9],
        [7, 5],
        [8, 1],
      ],
      [1, 3],
    ),
  ).toEqual([2]);
});

test('a time more than 5 s ahead of its receipt gives way to one that is not', () => {
  expect(
    newest([
      [7, 200],
      [7, 104],
      [7, 106],
      [7, 90],
    ]),
  ).toEqual([1]);
  expect(
    newest([
      [7, 200],
      [7, 300],
      [7, 250],
    ]),
  ).toEqual([1]);
});

test('signals whose numbers share a slot, and numbers of any size, are told apart', () => {
  const signals = Array.from({ length: 500 }, (_, index) => (index * 1024 + 1) % 2_147_483_647);
  signals.push(2_147_483_647, 2_147_482_623, 0);
  const rows = [1, 2, 3].flatMap((seconds) => signals.map((signal) => [signal, seconds] as const));
  expect(newest(rows)).toEqual(signals.map((_, index) => 2 * signals.length + index));
});
