import { expect, test } from 'vitest';
import { createColumns, appendReading } from '../../core/reading-columns.ts';
import type { Batch } from '../store/batch.ts';
import { createSkewMeter } from './skew.ts';

/** A batch of one part that was received at 10 s, with readings of these ages. */
function batchOf(agesMs: readonly number[], untimed = 0): Batch {
  const columns = createColumns(4);
  for (const age of agesMs) appendReading(columns, (10_000 - age) * 1000, 1, 1, 192);
  const part = { protocol: 'mqtt', name: 'line', received_at_ms: 10_000, untimed };
  return {
    columns,
    live_rows: agesMs.length,
    part_of_row: new Int32Array(agesMs.length),
    parts: [part],
  } as unknown as Batch;
}

test('the newest reading of a part tells the clock; what waited beside it at the sender does not', () => {
  const meter = createSkewMeter();
  expect(meter.median('mqtt', 'line')).toBeNull();
  for (let round = 0; round < 3; round++) meter.note(batchOf([2100, 100, 1100]));
  expect(meter.median('mqtt', 'line')).toBe(100);
});

test('times that receiving has given say nothing', () => {
  const meter = createSkewMeter();
  meter.note(batchOf([0], 1));
  meter.note(batchOf([]));
  expect(meter.median('mqtt', 'line')).toBeNull();
});
