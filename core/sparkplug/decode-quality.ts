import { bad, readVarint, skipField, wire } from './wire.ts';

const qualityKey = new TextEncoder().encode('Quality');
const broken = -2;

/**
 * The property "Quality" of a metric's PropertySet (`keys` = 1, `values` = 2, as two lists of one order): its number,
 * -1 when there is none, -2 when the bytes are cut off. Other properties are stepped over unread, so nested property
 * sets cost nothing.
 */
export function decodeQuality(bytes: Uint8Array, start: number, end: number): number {
  let keys = 0;
  let wanted = -1;
  let pos = start;
  while (pos < end) {
    const tag = readVarint(bytes, pos, end);
    if (tag === bad) return broken;
    const from = wire.next;
    pos = skipField(bytes, tag, from, end);
    if (pos === bad) return broken;
    if (tag !== 0x0a) continue;
    // Stepping over the key has read its length last, so `wire.next` is where its text begins.
    if (wanted < 0 && isQualityKey(bytes, wire.next, pos)) wanted = keys;
    keys++;
  }
  return wanted < 0 ? -1 : readValue(bytes, start, end, wanted);
}

function isQualityKey(bytes: Uint8Array, start: number, end: number): boolean {
  if (end - start !== qualityKey.length) return false;
  for (let index = 0; index < qualityKey.length; index++) if (bytes[start + index] !== qualityKey[index]) return false;
  return true;
}

function readValue(bytes: Uint8Array, start: number, end: number, wanted: number): number {
  let values = 0;
  let pos = start;
  while (pos < end) {
    const tag = readVarint(bytes, pos, end);
    const from = wire.next;
    const next = skipField(bytes, tag, from, end);
    if (tag === 0x12 && values++ === wanted) {
      const length = readVarint(bytes, from, next);
      return readInteger(bytes, wire.next, wire.next + length);
    }
    pos = next;
  }
  return -1;
}

/** The int_value (3) or long_value (4) of a PropertyValue. */
function readInteger(bytes: Uint8Array, start: number, end: number): number {
  let found = -1;
  let pos = start;
  while (pos < end) {
    const tag = readVarint(bytes, pos, end);
    if (tag === bad) return broken;
    const from = wire.next;
    pos = skipField(bytes, tag, from, end);
    if (pos === bad) return broken;
    if (tag !== 0x18 && tag !== 0x20) continue;
    const value = readVarint(bytes, from, end);
    found = value <= 32_767 ? value : 0;
  }
  return found;
}
