import { describe, expect, test } from 'vitest';
import { Datatype } from './datatype.ts';
import { decodePayload } from './decode-payload.ts';
import { encodePayload, type MetricToWrite } from './encode-payload.ts';
import { type MetricProblem, readNumber, readValue } from './metric-value.ts';
import { createPayloadColumns, Flag } from './payload-columns.ts';

const columns = createPayloadColumns(2);

function decode(hex: string) {
  const bytes = Buffer.from(hex, 'hex');
  expect(decodePayload(bytes, columns)).toBeNull();
  return bytes;
}

function nameOf(bytes: Buffer, row: number): string {
  return bytes.toString('utf8', columns.name_start[row], columns.name_end[row]);
}

// Bytes that were made and read by independent parsers, not by our encoder.
describe('recorded payloads', () => {
  test('a named Int32 with its datatype', () => {
    const bytes = decode('12070a0178200350051800');
    expect([columns.length, columns.seq, nameOf(bytes, 0), columns.datatype[0]]).toEqual([1, 0, 'x', Datatype.Int32]);
    expect(readNumber(columns, 0, Datatype.Int32)).toBe(5);
    expect(columns.timestamp_ms).toBeNaN();
    expect(columns.alias[0]).toBeNaN();
    expect(columns.quality[0]).toBe(-1);
  });

  test('DATA by alias without a datatype', () => {
    decode('0880d095ffbc31121210071880d095ffbc3169000000000000f83f1805');
    expect([columns.timestamp_ms, columns.seq, columns.length]).toEqual([1_700_000_000_000, 5, 1]);
    expect([columns.alias[0], columns.time_ms[0], columns.datatype[0], columns.name_start[0]]).toEqual([
      7, 1_700_000_000_000, 0, -1,
    ]);
    expect(readNumber(columns, 0, Datatype.Double)).toBe(1.5);
  });

  test.each([
    ['in int_value, by the specification', '0880d095ffbc31120b0a016120075080d0acf30e1805'],
    ['in long_value, by Tahu', '0880d095ffbc31120b0a016120075880d0acf30e1805'],
  ])('a UInt32 %s', (_, hex) => {
    decode(hex);
    expect(readNumber(columns, 0, columns.datatype[0] ?? 0)).toBe(4_000_000_000);
  });

  test.each([
    ['of its own width', '0880d095ffbc3112080a0161200150ff011805'],
    ['of 32 bits', '0880d095ffbc31120b0a0161200150ffffffff0f1805'],
  ])('an Int8 -1 as two’s complement %s', (_, hex) => {
    decode(hex);
    expect(readNumber(columns, 0, Datatype.Int8)).toBe(-1);
  });

  test('is_null', () => {
    decode('080112070a0161200a38011801');
    expect((columns.flags[0] ?? 0) & Flag.null).toBe(Flag.null);
    expect(readNumber(columns, 0, Datatype.Double)).toBeNaN();
  });

  test('the property Quality', () => {
    decode('080112200a0161200a4a100a075175616c6974791205080318f403690000000000000040' + '1801');
    expect(columns.quality[0]).toBe(500);
    expect(readNumber(columns, 0, Datatype.Double)).toBe(2);
  });
});

/** What a reader gets for one metric that was written with our encoder. */
function roundTrip(metric: MetricToWrite, options: { long?: boolean } = {}) {
  const bytes = encodePayload({
    metrics: [{ name: 'm', ...metric }],
    with_datatypes: true,
    uint32_field: options.long === true ? 'long' : 'int',
  });
  expect(decodePayload(bytes, columns)).toBeNull();
  expect(columns.datatype[0]).toBe(metric.datatype);
  const number = readNumber(columns, 0, metric.datatype);
  return { number, value: readValue(bytes, columns, 0, metric.datatype) };
}

describe('every datatype', () => {
  test.each<[keyof typeof Datatype, number | bigint]>([
    ['Int8', -128],
    ['Int8', 127],
    ['Int16', -32_768],
    ['Int16', 32_767],
    ['Int32', -2_147_483_648],
    ['Int32', 2_147_483_647],
    ['Int64', -9_007_199_254_740_991],
    ['Int64', 9_007_199_254_740_991],
    ['Int64', -1],
    ['UInt8', 255],
    ['UInt16', 65_535],
    ['UInt32', 4_294_967_295],
    ['UInt64', 9_007_199_254_740_991n],
    ['Float', Math.fround(21.37)],
    ['Float', -3.4028234663852886e38],
    ['Double', 0.1],
    ['Double', -0],
    ['Double', 5e-324],
    ['Double', Number.MAX_VALUE],
    ['DateTime', 1_700_000_000_123],
  ])('%s %s arrives to the last digit', (name, value) => {
    expect(roundTrip({ datatype: Datatype[name], value }).number).toBe(Number(value));
  });

  test('UInt32 in either field, Boolean, and texts', () => {
    expect(roundTrip({ datatype: Datatype.UInt32, value: 4_294_967_295 }, { long: true }).number).toBe(4_294_967_295);
    expect(roundTrip({ datatype: Datatype.Boolean, value: true }).number).toBe(1);
    expect(roundTrip({ datatype: Datatype.Boolean, value: false }).number).toBe(0);
    for (const datatype of [Datatype.String, Datatype.Text, Datatype.UUID]) {
      expect(roundTrip({ datatype, value: 'Größe 12 µm' }).value).toBe('Größe 12 µm');
    }
  });

  test.each<[string, MetricToWrite, number | bigint]>([
    ['an Int64 beyond 2^53', { datatype: Datatype.Int64, value: -9_007_199_254_740_993n }, -9_007_199_254_740_993n],
    ['the greatest UInt64', { datatype: Datatype.UInt64, value: 2n ** 64n - 1n }, 2n ** 64n - 1n],
    ['NaN', { datatype: Datatype.Double, value: Number.NaN }, Number.NaN],
    ['infinity', { datatype: Datatype.Float, value: Number.POSITIVE_INFINITY }, Number.POSITIVE_INFINITY],
  ])('%s is no number for a float8 column, but is shown as it is', (_, metric, shown) => {
    const { number, value } = roundTrip(metric);
    expect(number).toBeNaN();
    expect(value).toBe(shown);
  });

  test.each<[string, MetricToWrite, string]>([
    ['bytes', { datatype: Datatype.Bytes, value: Buffer.from('ab') }, 'Bytes'],
    ['a file', { datatype: Datatype.File, value: Buffer.from('ab') }, 'File'],
    ['a data set', { datatype: Datatype.DataSet, value: Buffer.from('0801', 'hex') }, 'DataSet'],
    ['a template', { datatype: Datatype.Template, value: Buffer.from('0801', 'hex') }, 'Template'],
    ['an array', { datatype: Datatype.Int32Array, value: [123_456_789, 987_654_321] }, '123456789, 987654321'],
    ['strings', { datatype: Datatype.StringArray, value: ['ABC', 'hello'] }, 'ABC, hello'],
    ['booleans', { datatype: Datatype.BooleanArray, value: [true, false] }, 'true, false'],
  ])('%s is refused with its reason', (_, metric, shown) => {
    const problem = roundTrip(metric).value as MetricProblem;
    expect(problem.reason).toBe('unsupported_type');
    expect(problem.detail).toContain(shown);
  });

  test.each([
    ['Int8 300', '12080a0161200150ac02', Datatype.Int8, 'out_of_range'],
    ['Boolean 2', '12070a0161200b5002', Datatype.Boolean, 'out_of_range'],
    ['Int64 with the top bit of int_value', '120b0a0161200450ffffffff0f', Datatype.Int64, 'out_of_range'],
    ['Int32 in double_value', '120e0a01612003690000000000000040', Datatype.Int32, 'malformed_payload'],
    ['Float in string_value', '12070a016120097a00', Datatype.Float, 'malformed_payload'],
    ['no value at all', '12050a01612003', Datatype.Int32, 'missing_value'],
  ])('%s is not guessed at', (_, hex, datatype, reason) => {
    const bytes = decode(hex);
    expect(readNumber(columns, 0, datatype)).toBeNaN();
    expect(readValue(bytes, columns, 0, datatype)).toMatchObject({ reason });
  });
});

test('flags and own timestamps are kept apart for each metric', () => {
  const bytes = encodePayload({
    timestamp_ms: 1_700_000_000_000,
    seq: 255,
    with_datatypes: false,
    metrics: [
      { alias: 1, timestamp_ms: 1_699_999_000_000, datatype: Datatype.Double, value: 1, is_historical: true },
      { alias: 300, datatype: Datatype.Double, value: 2, is_transient: true, quality: 192 },
      { alias: 70_000, datatype: Datatype.Double, value: null },
    ],
  });
  expect(decodePayload(bytes, columns)).toBeNull();
  expect([...columns.alias.subarray(0, 3)]).toEqual([1, 300, 70_000]);
  expect([...columns.flags.subarray(0, 3)]).toEqual([Flag.historical, Flag.transient, Flag.null]);
  expect([...columns.time_ms.subarray(0, 3)]).toEqual([1_699_999_000_000, Number.NaN, Number.NaN]);
  expect([...columns.quality.subarray(0, 3)]).toEqual([-1, 192, -1]);
});

test('more metrics than there was room for', () => {
  const metrics = Array.from({ length: 5000 }, (_, index) => ({
    alias: index,
    datatype: Datatype.Int32,
    value: index,
  }));
  expect(decodePayload(encodePayload({ metrics, with_datatypes: false }), createPayloadColumns(1))).toBeNull();
  expect(decodePayload(encodePayload({ metrics, with_datatypes: false }), columns)).toBeNull();
  expect(columns.length).toBe(5000);
  for (let row = 0; row < 5000; row++) expect(readNumber(columns, row, Datatype.Int32)).toBe(row);
});
