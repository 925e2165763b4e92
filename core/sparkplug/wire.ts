/**
 * Protobuf's wire format, reading side. Positions are passed and returned as numbers; a read that cannot be done
 * answers with `bad`, never with an exception, because hostile bytes are an everyday input here. The second result of
 * a read is left in `wire`, since a pair would be an allocation for every field.
 */
export const wire = {
  /** Position after what was read last. */
  next: 0,
  /** The halves of what `readVarint` read last, for 64-bit fields. */
  low: 0,
  high: 0,
};

/** What `readVarint` and `skipField` answer when the bytes end too early or are no valid encoding. */
export const bad = -1;

/**
 * An unsigned varint of at most 10 bytes within `pos`..`end`. Answers its value, exact up to 2^53, and leaves
 * `wire.next`, `wire.low` and `wire.high`; `bad` when it is cut off or too long.
 */
export function readVarint(bytes: Uint8Array, pos: number, end: number): number {
  let low = 0;
  let high = 0;
  for (let index = 0; index < 10; index++) {
    if (pos >= end) return bad;
    const byte = bytes[pos++] as number;
    const part = byte & 0x7f;
    if (index < 4) low |= part << (7 * index);
    else if (index === 4) {
      low |= part << 28;
      high = part >>> 4;
    } else high |= part << (7 * index - 32);
    if (byte < 0x80) {
      wire.next = pos;
      wire.low = low >>> 0;
      wire.high = high >>> 0;
      return (high >>> 0) * 4_294_967_296 + (low >>> 0);
    }
  }
  return bad;
}

/**
 * Steps over the value of a field that is not ours; answers the position after it, or `bad`. Groups (wire types 3 and
 * 4) were never part of Sparkplug and are refused, so that nothing here can be nested.
 */
export function skipField(bytes: Uint8Array, tag: number, pos: number, end: number): number {
  let next = bad;
  switch (tag & 7) {
    case 0:
      next = readVarint(bytes, pos, end) === bad ? bad : wire.next;
      break;
    case 1:
      next = pos + 8;
      break;
    case 2: {
      const length = readVarint(bytes, pos, end);
      next = length === bad ? bad : wire.next + length;
      break;
    }
    case 5:
      next = pos + 4;
      break;
    default:
      return bad;
  }
  return next > end ? bad : next;
}
