import { decodeArray } from './array-value.ts';
import { Datatype, datatypeName, isTextDatatype } from './datatype.ts';
import { type PayloadColumns, ValueField } from './payload-columns.ts';

/** Why a metric has no value that could be stored; the reasons are those of rejected readings. */
export interface MetricProblem {
  reason: 'missing_value' | 'out_of_range' | 'malformed_payload' | 'unsupported_type';
  /** One sentence naming the value and what is accepted. */
  detail: string;
}

/**
 * The number of a metric whose datatype (from the message or the birth registry) is `datatype`, exact; NaN when it
 * is no number, or none that a float8 keeps to the last digit: then `readValue` says what it is.
 *
 * The specification puts UInt32 into int_value, Tahu's libraries put it into long_value: integers are taken from
 * either when they fit the datatype. Negative Int8..Int32 arrive as two's complement of 32 bits (specification) or of
 * their own width (0xFF for the Int8 -1); both are read.
 */
export function readNumber(columns: PayloadColumns, row: number, datatype: number): number {
  const field = columns.field[row];
  if (field === ValueField.double || field === ValueField.float) {
    const value = columns.number[row] as number;
    const fits = datatype === Datatype.Double || datatype === Datatype.Float;
    return fits && value - value === 0 ? value : Number.NaN;
  }
  if (field === ValueField.int) return integerOf(columns.number[row] as number, datatype, 32);
  if (field === ValueField.boolean) return datatype === Datatype.Boolean ? (columns.number[row] as number) : Number.NaN;
  if (field === ValueField.long) return longOf(columns.low[row] as number, columns.high[row] as number, datatype);
  return Number.NaN;
}

/**
 * The value of any metric, or why it has none. Not for hot paths. Integers beyond ±2^53 come as bigint, so that what
 * follows can refuse those that a float8 would round.
 */
export function readValue(
  bytes: Buffer,
  columns: PayloadColumns,
  row: number,
  datatype: number,
): number | bigint | string | MetricProblem {
  const number = readNumber(columns, row, datatype);
  if (!Number.isNaN(number)) return number;
  const field = columns.field[row] as number;
  if (field === ValueField.string && isTextDatatype(datatype)) {
    return bytes.toString('utf8', columns.low[row], columns.high[row]);
  }
  const isReal = datatype === Datatype.Float || datatype === Datatype.Double;
  if (isReal && (field === ValueField.float || field === ValueField.double)) return columns.number[row] as number;
  if (field === ValueField.long && isLong(datatype)) {
    const whole = (BigInt(columns.high[row] as number) << 32n) | BigInt(columns.low[row] as number);
    return datatype === Datatype.Int64 ? BigInt.asIntN(64, whole) : whole;
  }
  return explain(bytes, columns, row, datatype);
}

function explain(bytes: Buffer, columns: PayloadColumns, row: number, datatype: number): MetricProblem {
  const name = datatypeName(datatype);
  const field = columns.field[row] as number;
  if (field === ValueField.none) {
    return { reason: 'missing_value', detail: `The ${name} has no value; accepted is a value, or is_null.` };
  }
  if (datatype >= Datatype.Int8Array && datatype <= Datatype.DateTimeArray && field === ValueField.bytes) {
    const elements = decodeArray(datatype, bytes.subarray(columns.low[row], columns.high[row]));
    const shown = elements === undefined ? 'broken bytes' : `${elements.length} (${elements.slice(0, 5).join(', ')})`;
    return { reason: 'unsupported_type', detail: `The value is a ${name} of ${shown}; accepted is a single value.` };
  }
  if (datatype === 0 || datatype > Datatype.UUID) {
    const detail = `The value is a ${name}; accepted are the datatypes of single values, 1 to 15.`;
    return { reason: 'unsupported_type', detail };
  }
  const isInteger = datatype <= Datatype.UInt64 || datatype === Datatype.DateTime || datatype === Datatype.Boolean;
  if (isInteger && (field === ValueField.int || field === ValueField.long)) {
    const long = (columns.high[row] as number) * 4_294_967_296 + (columns.low[row] as number);
    const shown = field === ValueField.int ? columns.number[row] : long;
    return { reason: 'out_of_range', detail: `The ${name} is ${shown} on the wire; accepted is what fits a ${name}.` };
  }
  const fieldName = Object.entries(ValueField).find(([, number]) => number === field)?.[0];
  const detail = `The ${name} has its value in the field ${fieldName}_value; accepted is the field of its datatype.`;
  return { reason: 'malformed_payload', detail };
}

const isLong = (datatype: number): boolean =>
  datatype === Datatype.Int64 || datatype === Datatype.UInt64 || datatype === Datatype.DateTime;

function longOf(low: number, high: number, datatype: number): number {
  if (datatype === Datatype.Int64) {
    const value = (high | 0) * 4_294_967_296 + low;
    return Number.isSafeInteger(value) ? value : Number.NaN;
  }
  const value = high * 4_294_967_296 + low;
  if (datatype === Datatype.UInt64 || datatype === Datatype.DateTime) {
    return Number.isSafeInteger(value) ? value : Number.NaN;
  }
  // A narrow signed integer in long_value is negative as two's complement of 64 bits or of its own width.
  if (high === 0xffff_ffff) return low >= 0x8000_0000 ? integerOf(low, datatype, 64) : Number.NaN;
  return high === 0 ? integerOf(low, datatype, 64) : Number.NaN;
}

/** `value` is unsigned as it stood on the wire, in a field of `bits` bits. */
function integerOf(value: number, datatype: number, bits: 32 | 64): number {
  switch (datatype) {
    case Datatype.Int8:
      return value <= 0xff ? (value << 24) >> 24 : value >= 0xffff_ff80 ? value | 0 : Number.NaN;
    case Datatype.Int16:
      return value <= 0xffff ? (value << 16) >> 16 : value >= 0xffff_8000 ? value | 0 : Number.NaN;
    case Datatype.Int32:
      return value | 0;
    case Datatype.Int64:
      // Only a foreign encoder puts an Int64 into int_value; a set top bit could mean either sign.
      return value < 0x8000_0000 ? value : Number.NaN;
    case Datatype.UInt8:
      return value <= 0xff ? value : Number.NaN;
    case Datatype.UInt16:
      return value <= 0xffff ? value : Number.NaN;
    case Datatype.UInt32:
    case Datatype.UInt64:
    case Datatype.DateTime:
      return value;
    case Datatype.Boolean:
      return bits === 32 && value <= 1 ? value : Number.NaN;
    default:
      return Number.NaN;
  }
}
