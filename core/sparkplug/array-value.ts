import { Datatype } from './datatype.ts';

type Element = number | bigint | boolean | string;

interface Packing {
  width: number;
  read: (bytes: Buffer, offset: number) => Element;
  write: (bytes: Buffer, value: Element, offset: number) => void;
}

/** Little-endian packed elements (specification 3.0, "Array Types"). */
const packings = new Map<number, Packing>([
  [Datatype.Int8Array, { width: 1, read: (b, o) => b.readInt8(o), write: (b, v, o) => b.writeInt8(Number(v), o) }],
  [
    Datatype.Int16Array,
    { width: 2, read: (b, o) => b.readInt16LE(o), write: (b, v, o) => b.writeInt16LE(Number(v), o) },
  ],
  [
    Datatype.Int32Array,
    { width: 4, read: (b, o) => b.readInt32LE(o), write: (b, v, o) => b.writeInt32LE(Number(v), o) },
  ],
  [
    Datatype.Int64Array,
    { width: 8, read: (b, o) => b.readBigInt64LE(o), write: (b, v, o) => b.writeBigInt64LE(BigInt(v), o) },
  ],
  [Datatype.UInt8Array, { width: 1, read: (b, o) => b.readUInt8(o), write: (b, v, o) => b.writeUInt8(Number(v), o) }],
  [
    Datatype.UInt16Array,
    { width: 2, read: (b, o) => b.readUInt16LE(o), write: (b, v, o) => b.writeUInt16LE(Number(v), o) },
  ],
  [
    Datatype.UInt32Array,
    { width: 4, read: (b, o) => b.readUInt32LE(o), write: (b, v, o) => b.writeUInt32LE(Number(v), o) },
  ],
  [
    Datatype.UInt64Array,
    { width: 8, read: (b, o) => b.readBigUInt64LE(o), write: (b, v, o) => b.writeBigUInt64LE(BigInt(v), o) },
  ],
  [
    Datatype.FloatArray,
    { width: 4, read: (b, o) => b.readFloatLE(o), write: (b, v, o) => b.writeFloatLE(Number(v), o) },
  ],
  [
    Datatype.DoubleArray,
    { width: 8, read: (b, o) => b.readDoubleLE(o), write: (b, v, o) => b.writeDoubleLE(Number(v), o) },
  ],
  [
    Datatype.DateTimeArray,
    { width: 8, read: (b, o) => b.readBigUInt64LE(o), write: (b, v, o) => b.writeBigUInt64LE(BigInt(v), o) },
  ],
]);

/** The elements of an array metric's bytes; undefined when the bytes are no array of that datatype. */
export function decodeArray(datatype: number, bytes: Uint8Array): Element[] | undefined {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (datatype === Datatype.StringArray) return decodeStrings(buffer);
  if (datatype === Datatype.BooleanArray) return decodeBooleans(buffer);
  const packing = packings.get(datatype);
  if (packing === undefined || buffer.length % packing.width !== 0) return undefined;
  const elements: Element[] = [];
  for (let offset = 0; offset < buffer.length; offset += packing.width) elements.push(packing.read(buffer, offset));
  return elements;
}

/** The bytes_value of an array metric. Throws a RangeError when an element does not fit the datatype. */
export function encodeArray(datatype: number, elements: readonly Element[]): Buffer {
  if (datatype === Datatype.StringArray) return Buffer.from(elements.map((text) => `${text}\0`).join(''));
  if (datatype === Datatype.BooleanArray) return encodeBooleans(elements);
  const packing = packings.get(datatype);
  if (packing === undefined) throw new RangeError(`${datatype} is no array datatype; accepted are 22 to 34.`);
  const buffer = Buffer.alloc(elements.length * packing.width);
  elements.forEach((element, index) => packing.write(buffer, element, index * packing.width));
  return buffer;
}

function decodeStrings(buffer: Buffer): string[] | undefined {
  if (buffer.length === 0) return [];
  if (buffer.at(-1) !== 0) return undefined;
  return buffer.toString('utf8', 0, buffer.length - 1).split('\0');
}

/** A four-byte count, then one bit an element, the highest bit of each byte first. */
function decodeBooleans(buffer: Buffer): boolean[] | undefined {
  if (buffer.length < 4) return undefined;
  const count = buffer.readUInt32LE(0);
  if (buffer.length !== 4 + Math.ceil(count / 8)) return undefined;
  return Array.from(
    { length: count },
    (_, index) => ((buffer[4 + (index >> 3)] as number) & (0x80 >> (index & 7))) !== 0,
  );
}

function encodeBooleans(elements: readonly Element[]): Buffer {
  const buffer = Buffer.alloc(4 + Math.ceil(elements.length / 8));
  buffer.writeUInt32LE(elements.length, 0);
  elements.forEach((element, index) => {
    const at = 4 + (index >> 3);
    if (element === true) buffer[at] = (buffer[at] as number) | (0x80 >> (index & 7));
  });
  return buffer;
}
