/**
 * The datatypes of Sparkplug B (specification 3.0, "Data Types"). PropertySet (20) and PropertySetList (21) are only
 * allowed inside properties; a metric that claims one of them is refused like any other value that is not a scalar.
 */
export const Datatype = {
  Int8: 1,
  Int16: 2,
  Int32: 3,
  Int64: 4,
  UInt8: 5,
  UInt16: 6,
  UInt32: 7,
  UInt64: 8,
  Float: 9,
  Double: 10,
  Boolean: 11,
  String: 12,
  DateTime: 13,
  Text: 14,
  UUID: 15,
  DataSet: 16,
  Bytes: 17,
  File: 18,
  Template: 19,
  PropertySet: 20,
  PropertySetList: 21,
  Int8Array: 22,
  Int16Array: 23,
  Int32Array: 24,
  Int64Array: 25,
  UInt8Array: 26,
  UInt16Array: 27,
  UInt32Array: 28,
  UInt64Array: 29,
  FloatArray: 30,
  DoubleArray: 31,
  BooleanArray: 32,
  StringArray: 33,
  DateTimeArray: 34,
} as const;

const names = new Map<number, string>(Object.entries(Datatype).map(([name, number]) => [number, name]));

/** `Int32`, `Double`, …; a number that is no datatype is shown as itself. */
export function datatypeName(datatype: number): string {
  return names.get(datatype) ?? `datatype ${datatype}`;
}

/** True for the datatypes whose values are text: String, Text and UUID. */
export function isTextDatatype(datatype: number): boolean {
  return datatype === Datatype.String || datatype === Datatype.Text || datatype === Datatype.UUID;
}
