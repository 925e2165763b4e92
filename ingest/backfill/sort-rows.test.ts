import { expect, test } from 'vitest';
import { appendReading, createColumns, type ReadingColumns } from '../../core/reading-columns.ts';
import { sortRows } from './sort-rows.ts';

function columnsOf(rows: [time: number, signal: number, value: number][]): ReadingColumns {
  const columns = createColumns(1);
  for (const [time, signal, value] of rows) appendReading(columns, time, signal, value, 192);
  return columns;
}

function rowsOf(columns: ReadingColumns): [number, number, number][] {
  return Array.from({ length: columns.length }, (_, row) => [
    columns.time_us[row] ?? 0,
    columns.signal_id[row] ?? 0,
    columns.value[row] ?? 0,
  ]);
}

test('by signal, newest first, cut at the intervals, oldest interval first', () => {
  const sorted = sortRows(
    columnsOf([
      [5, 2, 1],
      [15, 2, 2],
      [7, 1, 3],
      [1, 1, 4],
      [12, 1, 5],
    ]),
    10,
    'signal',
  );
  expect(sorted.pieces.map(({ interval, columns }) => [interval, rowsOf(columns)])).toEqual([
    [
      0,
      [
        [7, 1, 3],
        [1, 1, 4],
        [5, 2, 1],
      ],
    ],
    [
      1,
      [
        [12, 1, 5],
        [15, 2, 2],
      ],
    ],
  ]);
});

test('by time: oldest first', () => {
  const sorted = sortRows(
    columnsOf([
      [800_000, 1, 1],
      [100_000, 2, 2],
      [500_000, 1, 3],
      [1_200_000, 3, 4],
    ]),
    1_000_000,
    'time',
  );
  expect(sorted.pieces.map(({ columns }) => rowsOf(columns).map(([time]) => time))).toEqual([
    [100_000, 500_000, 800_000],
    [1_200_000],
  ]);
});

test('of equal signal and time the first is kept, and a different value is a conflict', () => {
  const sorted = sortRows(
    columnsOf([
      [1, 1, 10],
      [1, 2, 10],
      [1, 1, 10],
      [2, 1, 20],
      [1, 1, 11],
      [2, 1, 20],
    ]),
    1000,
    'signal',
  );
  expect(rowsOf(sorted.pieces[0]?.columns ?? createColumns(0))).toEqual([
    [2, 1, 20],
    [1, 1, 10],
    [1, 2, 10],
  ]);
  expect(sorted.duplicates).toBe(3);
  expect(sorted.conflicts).toEqual([{ kept: 0, left_out: 4 }]);
});

test('no value equals no value', () => {
  const sorted = sortRows(
    columnsOf([
      [1, 1, Number.NaN],
      [1, 1, Number.NaN],
    ]),
    1000,
    'signal',
  );
  expect(sorted).toMatchObject({ duplicates: 1, conflicts: [] });
});

test('50,000 rows in any order come out complete and in order', () => {
  const columns = createColumns(1);
  let seed = 1;
  for (let row = 0; row < 50_000; row++) {
    seed = (Math.imul(seed, 1_103_515_245) + 12_345) & 0x7fff_ffff;
    appendReading(columns, seed % 1_000_000_007, seed % 97, row, 192);
  }
  const { pieces, duplicates } = sortRows(columns, 100_000_000, 'signal');
  const rows = pieces.flatMap((piece) => rowsOf(piece.columns));
  expect(rows.length + duplicates).toBe(50_000);
  expect(new Set(rows.map(([, , value]) => value)).size).toBe(rows.length);
  const misplaced = pieces.flatMap(({ interval, columns: piece }) =>
    rowsOf(piece).filter(([time, signal], row, all) => {
      const [earlierTime = 0, earlierSignal = -1] = all[row - 1] ?? [];
      const ordered = signal > earlierSignal || (signal === earlierSignal && time < earlierTime);
      return !ordered || Math.floor(time / 100_000_000) !== interval;
    }),
  );
  expect(misplaced).toEqual([]);
});
