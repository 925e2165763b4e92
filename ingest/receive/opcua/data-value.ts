import { DataType, type DataValue, type Variant, VariantArrayType } from 'node-opcua';
import { Quality } from '../../../core/reading.ts';
import type { WireValue } from '../../resolve/signal-value.ts';

/** The InfoType "DataValue" with the Overflow bit: the server's queue was full and readings before this one are gone. */
const overflowBits = 0x480;
/** 1601-01-01, OPC UA's zero, is how servers say "no time"; nothing was measured in the century after it. */
const earliestMs = Date.UTC(1700, 0, 1);

/**
 * The time of a value in whole µs: the source's, else the server's, else NaN. OPC UA counts 100 ns since 1601; what is
 * finer than 1 µs is cut off, since the column cannot hold it.
 */
export function timeUsOf(value: DataValue): number {
  const source = microseconds(value.sourceTimestamp, value.sourcePicoseconds);
  return Number.isNaN(source) ? microseconds(value.serverTimestamp, value.serverPicoseconds) : source;
}

/** Our quality for a status code by its two upper bits (OPC 10000-4, 7.39.1). */
export function qualityOf(statusCode: number): Quality {
  const severity = statusCode >>> 30;
  return severity === 0 ? Quality.good : severity === 1 ? Quality.uncertain : Quality.bad;
}

export function hasOverflow(statusCode: number): boolean {
  return (statusCode & overflowBits) === overflowBits;
}

/**
 * The value as a reading's value; undefined for arrays and structures, which cannot be one. A Float is the float64 of
 * that float32; 64-bit integers are bigint where a number would round them; a DateTime is ms since the Unix epoch.
 */
export function wireValueOf(variant: Variant): WireValue | undefined {
  const { dataType, value } = variant;
  if (dataType === DataType.Null || value === null || value === undefined) return null;
  if (variant.arrayType !== VariantArrayType.Scalar) return undefined;
  switch (dataType) {
    case DataType.Boolean:
    case DataType.SByte:
    case DataType.Byte:
    case DataType.Int16:
    case DataType.UInt16:
    case DataType.Int32:
    case DataType.UInt32:
    case DataType.Float:
    case DataType.Double:
    case DataType.String:
    case DataType.Guid:
      return value as number | boolean | string;
    case DataType.Int64:
    case DataType.UInt64:
      return wholeNumber(value as [number, number], dataType === DataType.Int64);
    case DataType.DateTime:
      return (value as Date).getTime();
    case DataType.LocalizedText:
      return (value as { text: string | null }).text;
    case DataType.QualifiedName:
      return (value as { name: string | null }).name;
    default:
      return undefined;
  }
}

/** Whether two values as node-opcua decodes them are the same; 64-bit integers and times are objects there. */
export function isSameValue(one: unknown, other: unknown): boolean {
  return Object.is(one, other) || (typeof one === 'object' && JSON.stringify(one) === JSON.stringify(other));
}

/** The type in words, for a sentence about a value that cannot be stored. */
export function typeNameOf(variant: Variant): string {
  const name = DataType[variant.dataType] ?? 'unknown type';
  return variant.arrayType === VariantArrayType.Scalar ? name : `${VariantArrayType[variant.arrayType]} of ${name}`;
}

/** node-opcua gives 64-bit integers as two unsigned halves, the upper one first. */
function wholeNumber([high, low]: [number, number], isSigned: boolean): number | bigint {
  const number = (isSigned ? high | 0 : high) * 4_294_967_296 + low;
  if (Number.isSafeInteger(number)) return number;
  const whole = (BigInt(high >>> 0) << 32n) | BigInt(low >>> 0);
  return isSigned ? BigInt.asIntN(64, whole) : whole;
}

/** node-opcua splits the time into a Date of whole ms and the rest in picoseconds. */
function microseconds(time: Date | null | undefined, picoseconds: number): number {
  const ms = time?.getTime() ?? Number.NaN;
  return ms > earliestMs ? ms * 1000 + Math.floor(picoseconds / 1_000_000) : Number.NaN;
}
