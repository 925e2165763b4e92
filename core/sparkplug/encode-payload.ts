import { encodeArray } from './array-value.ts';
import { Datatype, isTextDatatype } from './datatype.ts';

/** One metric to write. `value` null writes is_null. Arrays take a list; DataSet, Bytes, File and Template raw bytes. */
export interface MetricToWrite {
  name?: string;
  alias?: number;
  timestamp_ms?: number;
  /** How the value is written; always known to the writer, whether or not the message says it. */
  datatype: number;
  value: number | bigint | boolean | string | Uint8Array | readonly (number | bigint | boolean | string)[] | null;
  is_historical?: boolean;
  is_transient?: boolean;
  /** The property "Quality": 0 bad, 192 good, 500 stale. */
  quality?: number;
}

export interface PayloadToWrite {
  timestamp_ms?: number;
  seq?: number;
  metrics: readonly MetricToWrite[];
  /** Births must say the datatypes, DATA messages should not. */
  with_datatypes: boolean;
  /** Where UInt32 goes: `int` by the specification (default), `long` as Tahu's libraries write it. */
  uint32_field?: 'int' | 'long';
}

/** Encodes a Sparkplug B payload. Throws a RangeError when a value does not fit its datatype. */
export function encodePayload(payload: PayloadToWrite): Buffer {
  const writer: Writer = { bytes: Buffer.allocUnsafe(64 + payload.metrics.length * 48), pos: 0 };
  if (payload.timestamp_ms !== undefined) writeVarintField(writer, 0x08, payload.timestamp_ms);
  for (const metric of payload.metrics) {
    writeNested(writer, 0x12, () => writeMetric(writer, metric, payload));
  }
  if (payload.seq !== undefined) writeVarintField(writer, 0x18, payload.seq);
  return writer.bytes.subarray(0, writer.pos);
}

interface Writer {
  bytes: Buffer;
  pos: number;
}

function writeMetric(writer: Writer, metric: MetricToWrite, payload: PayloadToWrite): void {
  if (metric.name !== undefined) writeBytes(writer, 0x0a, Buffer.from(metric.name));
  if (metric.alias !== undefined) writeVarintField(writer, 0x10, metric.alias);
  if (metric.timestamp_ms !== undefined) writeVarintField(writer, 0x18, metric.timestamp_ms);
  if (payload.with_datatypes) writeVarintField(writer, 0x20, metric.datatype);
  if (metric.is_historical === true) writeVarintField(writer, 0x28, 1);
  if (metric.is_transient === true) writeVarintField(writer, 0x30, 1);
  if (metric.value === null) writeVarintField(writer, 0x38, 1);
  const { quality } = metric;
  if (quality !== undefined) {
    writeNested(writer, 0x4a, () => {
      writeBytes(writer, 0x0a, Buffer.from('Quality'));
      writeNested(writer, 0x12, () => {
        writeVarintField(writer, 0x08, Datatype.Int32);
        writeVarintField(writer, 0x18, quality);
      });
    });
  }
  if (metric.value !== null) writeValue(writer, metric, payload.uint32_field ?? 'int');
}

function writeValue(writer: Writer, { datatype, value }: MetricToWrite, uint32Field: 'int' | 'long'): void {
  if (value instanceof Uint8Array) {
    const field = { [Datatype.DataSet]: 0x8a, [Datatype.Template]: 0x92 }[datatype] ?? 0x82;
    writeBytes(writer, field, value);
  } else if (Array.isArray(value)) writeBytes(writer, 0x82, encodeArray(datatype, value));
  else if (isTextDatatype(datatype)) writeBytes(writer, 0x7a, Buffer.from(String(value)));
  else if (datatype === Datatype.Float) {
    startFixed(writer, 0x65);
    writer.pos = writer.bytes.writeFloatLE(Number(value), writer.pos);
  } else if (datatype === Datatype.Double) {
    startFixed(writer, 0x69);
    writer.pos = writer.bytes.writeDoubleLE(Number(value), writer.pos);
  } else if (datatype === Datatype.Boolean) writeVarintField(writer, 0x70, value === true || value === 1 ? 1 : 0);
  else writeInteger(writer, datatype, BigInt(value as number | bigint), uint32Field);
}

/** Least and greatest value of each integer datatype. */
const ranges = new Map<number, [bigint, bigint]>([
  [Datatype.Int8, [-0x80n, 0x7fn]],
  [Datatype.Int16, [-0x8000n, 0x7fffn]],
  [Datatype.Int32, [-0x8000_0000n, 0x7fff_ffffn]],
  [Datatype.Int64, [-0x8000_0000_0000_0000n, 0x7fff_ffff_ffff_ffffn]],
  [Datatype.UInt8, [0n, 0xffn]],
  [Datatype.UInt16, [0n, 0xffffn]],
  [Datatype.UInt32, [0n, 0xffff_ffffn]],
  [Datatype.UInt64, [0n, 0xffff_ffff_ffff_ffffn]],
  [Datatype.DateTime, [0n, 0xffff_ffff_ffff_ffffn]],
]);

function writeInteger(writer: Writer, datatype: number, value: bigint, uint32Field: 'int' | 'long'): void {
  const range = ranges.get(datatype);
  if (range === undefined) throw new RangeError(`Datatype ${datatype} cannot carry the number ${value}.`);
  if (value < range[0] || value > range[1]) {
    throw new RangeError(`${value} does not fit datatype ${datatype}; accepted is ${range[0]} to ${range[1]}.`);
  }
  const wide = datatype === Datatype.Int64 || datatype === Datatype.UInt64 || datatype === Datatype.DateTime;
  const long = wide || (datatype === Datatype.UInt32 && uint32Field === 'long');
  writeVarintField(writer, long ? 0x58 : 0x50, BigInt.asUintN(long ? 64 : 32, value));
}

function ensure(writer: Writer, more: number): void {
  if (writer.pos + more <= writer.bytes.length) return;
  const grown = Buffer.allocUnsafe(Math.max(writer.bytes.length * 2, writer.pos + more));
  writer.bytes.copy(grown, 0, 0, writer.pos);
  writer.bytes = grown;
}

function startFixed(writer: Writer, tag: number): void {
  ensure(writer, 10);
  writer.bytes[writer.pos++] = tag;
}

function writeVarint(writer: Writer, value: number | bigint): void {
  ensure(writer, 10);
  if (typeof value === 'bigint') {
    for (; value >= 0x80n; value >>= 7n) writer.bytes[writer.pos++] = Number(value & 0x7fn) | 0x80;
    writer.bytes[writer.pos++] = Number(value);
  } else {
    for (; value >= 0x80; value = Math.floor(value / 128)) writer.bytes[writer.pos++] = (value % 128) | 0x80;
    writer.bytes[writer.pos++] = value;
  }
}

function writeVarintField(writer: Writer, tag: number, value: number | bigint): void {
  writeVarint(writer, tag);
  writeVarint(writer, value);
}

function writeBytes(writer: Writer, tag: number, bytes: Uint8Array): void {
  // Tags of two bytes are given as the number of their first byte, 0x80 to 0xff: fields 16 to 31.
  writeVarint(writer, tag);
  writeVarint(writer, bytes.length);
  ensure(writer, bytes.length);
  writer.bytes.set(bytes, writer.pos);
  writer.pos += bytes.length;
}

/** Writes the content first, after one byte for its length; a longer length moves the content up. */
function writeNested(writer: Writer, tag: number, writeContent: () => void): void {
  writeVarint(writer, tag);
  ensure(writer, 10);
  const start = ++writer.pos;
  writeContent();
  const length = writer.pos - start;
  let lengthBytes = 1;
  while (length >= 128 ** lengthBytes) lengthBytes++;
  if (lengthBytes > 1) {
    ensure(writer, lengthBytes);
    writer.bytes.copyWithin(start + lengthBytes - 1, start, writer.pos);
  }
  const end = start + lengthBytes - 1 + length;
  writer.pos = start - 1;
  writeVarint(writer, length);
  writer.pos = end;
}
