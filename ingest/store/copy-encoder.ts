import type { ReadingColumns } from '../../core/reading-columns.ts';

/** The columns of COPY … FROM STDIN (FORMAT binary), in the order that the encoder writes them. */
export const copyColumns = 'time, signal_id, value, quality';

const header = Buffer.concat([Buffer.from('PGCOPY\n\xff\r\n\0', 'latin1'), Buffer.alloc(8)]);
/** Fields, then each field's length and bytes: 2 + (4+8) + (4+4) + (4+8) + (4+2); a NULL value is 8 bytes shorter. */
const rowBytes = 40;
/** A row number (int4) besides, for the staging table. */
const numberedRowBytes = rowBytes + 8;
/** PostgreSQL counts from 2000-01-01. */
const postgresEpochUs = Date.UTC(2000, 0, 1) * 1000;
const twoTo32 = 2 ** 32;

/**
 * Encodes readings for binary COPY straight from the columns into one buffer that is kept and grown between batches.
 * A row costs 40 ns; an object for each field, as the usual package does it, costs 3 µs (docs/decisions).
 * A value of NaN becomes NULL. Times are whole microseconds and arrive exactly. Layout: PostgreSQL manual, COPY.
 */
export function createCopyEncoder(): {
  /** Rows [from, to) as one COPY stream; valid until the next call. With `numbered`, a fifth column holds the row's number. */
  encode(columns: ReadingColumns, from: number, to: number, numbered?: boolean): Buffer;
} {
  let buffer = Buffer.allocUnsafeSlow(64 * 1024);
  let view = new DataView(buffer.buffer);

  return {
    encode(columns, from, to, numbered = false) {
      const needed = header.length + (to - from) * (numbered ? numberedRowBytes : rowBytes) + 2;
      if (buffer.length < needed) {
        buffer = Buffer.allocUnsafeSlow(Math.max(needed, buffer.length * 2));
        view = new DataView(buffer.buffer);
      }
      buffer.set(header, 0);
      const { time_us, signal_id, value, quality } = columns;
      let offset = header.length;
      for (let row = from; row < to; row++) {
        view.setInt16(offset, numbered ? 5 : 4);
        view.setInt32(offset + 2, 8);
        const time = (time_us[row] ?? 0) - postgresEpochUs;
        const high = Math.floor(time / twoTo32);
        view.setInt32(offset + 6, high);
        view.setUint32(offset + 10, time - high * twoTo32);
        view.setInt32(offset + 14, 4);
        view.setInt32(offset + 18, signal_id[row] ?? 0);
        const number = value[row] ?? Number.NaN;
        if (Number.isNaN(number)) {
          view.setInt32(offset + 22, -1);
          offset += 26;
        } else {
          view.setInt32(offset + 22, 8);
          view.setFloat64(offset + 26, number);
          offset += 34;
        }
        view.setInt32(offset, 2);
        view.setInt16(offset + 4, quality[row] ?? 0);
        offset += 6;
        if (numbered) {
          view.setInt32(offset, 4);
          view.setInt32(offset + 4, row);
          offset += 8;
        }
      }
      view.setInt16(offset, -1);
      return buffer.subarray(0, offset + 2);
    },
  };
}
