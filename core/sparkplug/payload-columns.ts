/**
 * One decoded Sparkplug B payload as columns, one row a metric. The same columns are used again for every message, so
 * that a DATA message costs no allocation; rows are meaningful only until the next `decodePayload` into them, and
 * offsets (names, texts) only together with the bytes they were decoded from.
 */
export interface PayloadColumns {
  /** How many metrics there are; the arrays may be longer. */
  length: number;
  /** Time of sending, in milliseconds since the Unix epoch; NaN when the payload has none. */
  timestamp_ms: number;
  /** Sequence number; -1 when the payload has none. */
  seq: number;
  /** NaN when the metric has no alias. Aliases above 2^53 are kept as the nearest number and refused by the registry. */
  alias: Float64Array;
  /** Byte range of the metric's name; start -1 when it has none. */
  name_start: Int32Array;
  name_end: Int32Array;
  /** NaN when the metric has no timestamp of its own. */
  time_ms: Float64Array;
  /** 0 when the metric does not say its datatype, as a DATA message should not. */
  datatype: Uint8Array;
  /** Sum of `Flag` values. */
  flags: Uint8Array;
  /** The property "Quality"; -1 when absent. */
  quality: Int16Array;
  /** Which value field was set: one of `ValueField`. */
  field: Uint8Array;
  /** The value of int (unsigned), float, double and boolean fields. */
  number: Float64Array;
  /** The two halves of a long field; for string and bytes the start and end of the byte range. */
  low: Uint32Array;
  high: Uint32Array;
}

export const Flag = { historical: 1, transient: 2, null: 4 } as const;

export const ValueField = {
  none: 0,
  int: 1,
  long: 2,
  float: 3,
  double: 4,
  boolean: 5,
  string: 6,
  bytes: 7,
  dataset: 8,
  template: 9,
  extension: 10,
} as const;

/** Empty columns with room for `capacity` metrics; `decodePayload` makes them grow when a payload has more. */
export function createPayloadColumns(capacity = 256): PayloadColumns {
  return { length: 0, timestamp_ms: Number.NaN, seq: -1, ...createArrays(capacity) };
}

/** Doubles the room, keeping what is there. */
export function growPayloadColumns(columns: PayloadColumns): void {
  const grown = createArrays(columns.alias.length * 2);
  for (const name of Object.keys(grown) as (keyof typeof grown)[]) grown[name].set(columns[name]);
  Object.assign(columns, grown);
}

function createArrays(capacity: number) {
  return {
    alias: new Float64Array(capacity),
    name_start: new Int32Array(capacity),
    name_end: new Int32Array(capacity),
    time_ms: new Float64Array(capacity),
    datatype: new Uint8Array(capacity),
    flags: new Uint8Array(capacity),
    quality: new Int16Array(capacity),
    field: new Uint8Array(capacity),
    number: new Float64Array(capacity),
    low: new Uint32Array(capacity),
    high: new Uint32Array(capacity),
  };
}
