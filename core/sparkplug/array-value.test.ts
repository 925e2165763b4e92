import { expect, test } from 'vitest';
import { decodeArray, encodeArray } from './array-value.ts';
import { Datatype } from './datatype.ts';

// The examples of the specification, "Array Types". Its Float and Double examples are printed big-endian although the
// text says little-endian for all; the bytes here are the little-endian ones. Its Int8 example prints 0xEF for -23.
test.each<[keyof typeof Datatype, (number | bigint | boolean | string)[], string]>([
  ['Int8Array', [-23, 123], 'e97b'],
  ['Int16Array', [-30_000, 30_000], 'd08a3075'],
  ['Int32Array', [-1, 315_338_746], 'fffffffffaafcb12'],
  ['Int64Array', [-4_270_929_666_821_191_986n, -3_601_064_768_563_266_876n], 'ce0672ac189cbac4c4ba9c18ac7206ce'],
  ['UInt8Array', [23, 250], '17fa'],
  ['UInt16Array', [30, 52_360], '1e0088cc'],
  ['UInt32Array', [52, 3_293_969_225], '3400000049fb55c4'],
  ['UInt64Array', [52n, 16_444_743_074_749_521_625n], '3400000000000000d99e02d1b27637e4'],
  ['FloatArray', [Math.fround(1.23), Math.fround(89.341)], 'a4709d3f98aeb242'],
  ['DoubleArray', [12.354213, 1022.9123213], 'd7a205685bb528408e171c6f4cf78f40'],
  ['BooleanArray', [false, false, true, true, false, true, false, false, true, true, false, true], '0c00000034d0'],
  ['StringArray', ['ABC', 'hello'], '4142430068656c6c6f00'],
  ['DateTimeArray', [1_256_102_875_335n, 1_656_107_875_000n], 'c7d0907524010000b8bab89781010000'],
])('%s', (name, elements, hex) => {
  expect(encodeArray(Datatype[name], elements).toString('hex')).toBe(hex);
  expect(decodeArray(Datatype[name], Buffer.from(hex, 'hex'))).toEqual(elements);
});

test('bytes of no whole number of elements are no array', () => {
  expect(decodeArray(Datatype.Int32Array, Buffer.alloc(5))).toBeUndefined();
  expect(decodeArray(Datatype.BooleanArray, Buffer.from('ffffffff00', 'hex'))).toBeUndefined();
  expect(decodeArray(Datatype.StringArray, Buffer.from('abc'))).toBeUndefined();
  expect(decodeArray(Datatype.Double, Buffer.alloc(8))).toBeUndefined();
});
