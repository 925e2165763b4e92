/**
 * Readings as columns. One object per reading costs 50 times more than four typed arrays (docs/decisions), so from
 * the decoder to the database, in the journal, and in the feed to analytics and the live page, readings are this.
 *
 * Layout of the encoded form (little-endian, version in the first byte so that a later form can be told apart):
 * `u8 version=1, u8[3] zero, u32 count, f64[count] time_us, f64[count] value, i32[count] signal_id, i16[count] quality`.
 */
export interface ReadingColumns {
  /** How many rows are in use; the arrays may be longer. */
  length: number;
  /** Source time in whole microseconds since the Unix epoch (exact in a float64 until the year 2255). */
  time_us: Float64Array;
  /** The value; NaN means "no value" (a bad reading without one) and is stored as NULL. */
  value: Float64Array;
  signal_id: Int32Array;
  quality: Int16Array;
}

const version = 1;
const headerBytes = 8;
const rowBytes = 8 + 8 + 4 + 2;

/** Empty columns with room for `capacity` rows. */
export function createColumns(capacity: number): ReadingColumns {
  return {
    length: 0,
    time_us: new Float64Array(capacity),
    value: new Float64Array(capacity),
    signal_id: new Int32Array(capacity),
    quality: new Int16Array(capacity),
  };
}

/** Appends one row, growing the arrays when they are full. */
export function appendReading(
  columns: ReadingColumns,
  timeUs: number,
  signalId: number,
  value: number,
  quality: number,
): void {
  const row = columns.length;
  if (row === columns.time_us.length) growColumns(columns, Math.max(64, row * 2));
  columns.time_us[row] = timeUs;
  columns.signal_id[row] = signalId;
  columns.value[row] = value;
  columns.quality[row] = quality;
  columns.length = row + 1;
}

/** Appends every row of `from` to `to`. */
export function appendColumns(to: ReadingColumns, from: ReadingColumns): void {
  const needed = to.length + from.length;
  if (needed > to.time_us.length) growColumns(to, Math.max(needed, to.time_us.length * 2));
  to.time_us.set(from.time_us.subarray(0, from.length), to.length);
  to.value.set(from.value.subarray(0, from.length), to.length);
  to.signal_id.set(from.signal_id.subarray(0, from.length), to.length);
  to.quality.set(from.quality.subarray(0, from.length), to.length);
  to.length = needed;
}

/** The bytes that `encodeColumns` needs for `count` rows. */
export function encodedBytes(count: number): number {
  return headerBytes + count * rowBytes;
}

/** Writes the rows in use into `buffer` at `start` and answers the offset behind them. */
export function encodeColumnsInto(columns: ReadingColumns, buffer: Buffer, start: number): number {
  const count = columns.length;
  buffer.writeUInt32LE(version, start);
  buffer.writeUInt32LE(count, start + 4);
  let offset = start + headerBytes;
  for (const array of [columns.time_us, columns.value, columns.signal_id, columns.quality]) {
    const bytes = count * array.BYTES_PER_ELEMENT;
    buffer.set(new Uint8Array(array.buffer, array.byteOffset, bytes), offset);
    offset += bytes;
  }
  return offset;
}

/** The columns of an encoded buffer (copied, so that the result is aligned and owns its memory). Throws on a foreign form. */
export function decodeColumns(buffer: Uint8Array): ReadingColumns {
  const view = Buffer.from(buffer.buffer, buffer.byteOffset, buffer.byteLength);
  if (view.length < headerBytes || view.readUInt32LE(0) !== version) {
    throw new Error(
      `Readings of ${view.length} bytes are not of version ${version}; was this written by a newer Millrace?`,
    );
  }
  const count = view.readUInt32LE(4);
  if (view.length !== encodedBytes(count)) {
    throw new Error(`Readings of ${count} rows need ${encodedBytes(count)} bytes and have ${view.length}.`);
  }
  let offset = headerBytes;
  function take(bytesPerRow: number): ArrayBuffer {
    const part = new ArrayBuffer(count * bytesPerRow);
    new Uint8Array(part).set(view.subarray(offset, offset + count * bytesPerRow));
    offset += count * bytesPerRow;
    return part;
  }
  return {
    length: count,
    time_us: new Float64Array(take(8)),
    value: new Float64Array(take(8)),
    signal_id: new Int32Array(take(4)),
    quality: new Int16Array(take(2)),
  };
}

function growColumns(columns: ReadingColumns, capacity: number): void {
  const grown = createColumns(capacity);
  grown.time_us.set(columns.time_us);
  grown.value.set(columns.value);
  grown.signal_id.set(columns.signal_id);
  grown.quality.set(columns.quality);
  columns.time_us = grown.time_us;
  columns.value = grown.value;
  columns.signal_id = grown.signal_id;
  columns.quality = grown.quality;
}
