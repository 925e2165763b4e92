import { deflateRawSync, inflateRawSync } from 'node:zlib';

/** Columns of equal length by name, as detectors keep them: one value a signal. */
export type Columns = Record<string, Float64Array | Float32Array | Int32Array | Uint8Array>;

const kinds = { f64: Float64Array, f32: Float32Array, i32: Int32Array, u8: Uint8Array } as const;
type Kind = keyof typeof kinds;

function kindOf(column: Columns[string]): Kind {
  if (column instanceof Float64Array) return 'f64';
  if (column instanceof Float32Array) return 'f32';
  return column instanceof Int32Array ? 'i32' : 'u8';
}

/** First byte of the packed form, so that another one is told from this. */
const version = 1;

/** Memory that this version cannot read: written by another, or damaged. */
export class UnreadableMemoryError extends Error {
  override readonly name = 'UnreadableMemoryError';
}

/**
 * Columns as bytes: the version, then deflated a JSON line that names them (`[["name","f64",length],…]`) and then their little-endian contents in
 * that order: 600 KB of the reference plant become about 60 KB in 2 ms. Named columns, so that a
 * newer version may add or drop one and still read what an older one wrote.
 */
export function packColumns(columns: Columns): Buffer {
  const entries = Object.entries(columns);
  const head = Buffer.from(
    `${JSON.stringify(entries.map(([name, column]) => [name, kindOf(column), column.length]))}\n`,
  );
  const bodies = entries.map(([, column]) => Buffer.from(column.buffer, column.byteOffset, column.byteLength));
  return Buffer.concat([Buffer.of(version), deflateRawSync(Buffer.concat([head, ...bodies]), { level: 1 })]);
}

/** The columns of `packColumns`, each with memory of its own. Throws UnreadableMemoryError. */
export function unpackColumns(packed: Buffer): Columns {
  try {
    if (packed[0] !== version) throw new Error(`its version is ${packed[0]}, not ${version}`);
    return unpack(inflateRawSync(packed.subarray(1)));
  } catch (cause) {
    throw new UnreadableMemoryError('Remembered columns cannot be read.', { cause });
  }
}

function unpack(bytes: Buffer): Columns {
  const end = bytes.indexOf(10);
  const head = JSON.parse(bytes.toString('utf8', 0, end)) as [string, Kind, number][];
  const columns: Columns = {};
  let offset = end + 1;
  for (const [name, kind, length] of head) {
    const Column = kinds[kind];
    const column = new Column(length);
    const size = length * Column.BYTES_PER_ELEMENT;
    Buffer.from(column.buffer).set(bytes.subarray(offset, offset + size));
    columns[name] = column;
    offset += size;
  }
  return columns;
}

/**
 * Copies remembered columns into `into`, whose rows are today's slots: row `from` of the old columns goes to row
 * `to[from]`, or nowhere when that is -1. A column that has `width` values a signal keeps them together.
 */
export function restoreColumns(into: Columns, remembered: Columns, to: Int32Array): void {
  for (const [name, target] of Object.entries(into)) {
    const source = remembered[name];
    if (source === undefined || to.length === 0) continue;
    const width = source.length / to.length;
    for (const [from, slot] of to.entries()) {
      if (slot < 0 || (slot + 1) * width > target.length) continue;
      for (let part = 0; part < width; part++) target[slot * width + part] = source[from * width + part] ?? 0;
    }
  }
}
