import { expect, test } from 'vitest';
import { appendReading, createColumns } from '../../core/reading-columns.ts';
import { createCopyEncoder } from './copy-encoder.ts';

interface Row {
  timeUs: bigint;
  signalId: number;
  value: number | null;
  quality: number;
  row?: number;
}

/** Reads a binary COPY stream by the manual, independently of the encoder. */
function parse(stream: Buffer): Row[] {
  expect(stream.subarray(0, 11).toString('latin1')).toBe('PGCOPY\n\xff\r\n\0');
  expect(stream.readInt32BE(11)).toBe(0);
  expect(stream.readInt32BE(15)).toBe(0);
  const rows: Row[] = [];
  let offset = 19;
  function field(): Buffer | null {
    const length = stream.readInt32BE(offset);
    offset += 4;
    if (length === -1) return null;
    offset += length;
    return stream.subarray(offset - length, offset);
  }
  for (;;) {
    const fields = stream.readInt16BE(offset);
    offset += 2;
    if (fields === -1) break;
    const [time, signal, value, quality, row] = Array.from({ length: fields }, field);
    rows.push({
      timeUs: (time?.readBigInt64BE() ?? 0n) + 946_684_800_000_000n,
      signalId: signal?.readInt32BE() ?? 0,
      value: value?.readDoubleBE() ?? null,
      quality: quality?.readInt16BE() ?? -1,
      ...(row !== undefined && { row: row?.readInt32BE() ?? -1 }),
    });
  }
  expect(offset).toBe(stream.length);
  return rows;
}

const testRows: [number, number, number, number][] = [
  [1_772_352_930_123_456, 1, 0.1 + 0.2, 192],
  [946_684_800_000_000, 2, -0, 64],
  [946_684_799_999_999, 3, 5e-324, 0],
  [-11_644_473_600_000_000, 4, Number.NaN, 500],
  [9_007_199_254_740_991, 2_147_483_647, -1.7976931348623157e308, 192],
];

test('times to the microsecond on both sides of 2000, values to the last bit, NaN as NULL', () => {
  const columns = createColumns(2);
  for (const [timeUs, signalId, value, quality] of testRows) appendReading(columns, timeUs, signalId, value, quality);
  const rows = parse(createCopyEncoder().encode(columns, 0, columns.length));
  expect(rows).toEqual(
    testRows.map(([timeUs, signalId, value, quality]) => ({
      timeUs: BigInt(timeUs),
      signalId,
      value: Number.isNaN(value) ? null : value,
      quality,
    })),
  );
  expect(Object.is(rows[1]?.value, -0)).toBe(true);
});

test('a range with row numbers, and the same buffer again for a larger batch', () => {
  const columns = createColumns(0);
  for (let row = 0; row < 5000; row++) appendReading(columns, 1_772_352_930_000_000 + row, row, row / 8, 192);
  const encoder = createCopyEncoder();
  expect(parse(encoder.encode(columns, 3, 5, true)).map(({ row }) => row)).toEqual([3, 4]);
  const rows = parse(encoder.encode(columns, 0, 5000));
  expect(rows.length).toBe(5000);
  expect(rows[4999]).toEqual({ timeUs: 1_772_352_930_004_999n, signalId: 4999, value: 624.875, quality: 192 });
});
