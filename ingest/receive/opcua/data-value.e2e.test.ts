// Beside the pure tests in kind, but not among them: loading the OPC UA library takes longer than a hundred of them.
import { DataType, DataValue, StatusCode, StatusCodes, Variant, VariantArrayType } from 'node-opcua';
import { expect, test } from 'vitest';
import { Quality } from '../../../core/reading.ts';
import { hasOverflow, qualityOf, timeUsOf, typeNameOf, wireValueOf } from './data-value.ts';

const time = new Date(Date.UTC(2026, 0, 5, 12, 0, 0, 123));

test('times are kept to the microsecond, the source before the server', () => {
  const source = new DataValue({ sourceTimestamp: time, sourcePicoseconds: 456_700_000, serverTimestamp: new Date(0) });
  expect(timeUsOf(source)).toBe(time.getTime() * 1000 + 456);
  expect(timeUsOf(new DataValue({ serverTimestamp: time, serverPicoseconds: 0 }))).toBe(time.getTime() * 1000);
  const unset = new DataValue({ sourceTimestamp: new Date(Date.UTC(1601, 0, 1)), serverTimestamp: null });
  expect(timeUsOf(unset)).toBeNaN();
});

test.each<[keyof typeof StatusCodes, number]>([
  ['Good', Quality.good],
  ['GoodClamped', Quality.good],
  ['UncertainLastUsableValue', Quality.uncertain],
  ['BadSensorFailure', Quality.bad],
  ['BadNoCommunication', Quality.bad],
])('%s has quality %i', (name, quality) => {
  expect(qualityOf((StatusCodes[name] as StatusCode).value)).toBe(quality);
});

test('the overflow bit is seen beside any status, and only with its info type', () => {
  expect(hasOverflow(StatusCode.makeStatusCode(StatusCodes.Good, 'Overflow | InfoTypeDataValue').value)).toBe(true);
  expect(hasOverflow(0x8000_0000 + 0x480)).toBe(true);
  expect(hasOverflow(StatusCodes.Good.value)).toBe(false);
  expect(hasOverflow(0x80)).toBe(false);
});

test.each<[DataType, unknown, number | bigint | boolean | string | null]>([
  [DataType.Boolean, true, true],
  [DataType.SByte, -128, -128],
  [DataType.UInt32, 4_294_967_295, 4_294_967_295],
  [DataType.Int64, [0xffff_ffff, 0xffff_fffe], -2],
  [DataType.Int64, [0x0020_0000, 1], 9_007_199_254_740_993n],
  [DataType.Int64, [0x8000_0000, 0], -(2n ** 63n)],
  [DataType.UInt64, [0xffff_ffff, 0xffff_ffff], 2n ** 64n - 1n],
  [DataType.Float, Math.fround(21.37), Math.fround(21.37)],
  [DataType.Double, 0.1, 0.1],
  [DataType.String, 'P-100', 'P-100'],
  [DataType.DateTime, time, time.getTime()],
  [DataType.Null, null, null],
])('%i %s', (dataType, value, expected) => {
  expect(wireValueOf(new Variant({ dataType, arrayType: VariantArrayType.Scalar, value }))).toBe(expected);
});

test('arrays and structures are no reading, and are named', () => {
  const array = new Variant({ dataType: DataType.Double, arrayType: VariantArrayType.Array, value: [1, 2] });
  expect([wireValueOf(array), typeNameOf(array)]).toEqual([undefined, 'Array of Double']);
  const bytes = new Variant({ dataType: DataType.ByteString, value: Buffer.from('ab') });
  expect([wireValueOf(bytes), typeNameOf(bytes)]).toEqual([undefined, 'ByteString']);
});
