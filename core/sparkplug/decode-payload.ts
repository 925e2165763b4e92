import { Flag, growPayloadColumns, type PayloadColumns, ValueField } from './payload-columns.ts';
import { decodeQuality } from './decode-quality.ts';
import { bad, readVarint, skipField, wire } from './wire.ts';

/** More metrics than any real edge node has (the largest we know of have about 50,000); the rest is an attack. */
const mostMetrics = 250_000;

const scratch = new Uint32Array(2);
const asFloat = new Float32Array(scratch.buffer);
const asDouble = new Float64Array(scratch.buffer);

/**
 * Decodes a Sparkplug B payload (specification 3.0, Google Protocol Buffers schema) straight into `columns`, whose old
 * content is lost. Answers null, or one clause saying what is wrong with the bytes; it never throws, whatever the
 * bytes are, and takes time proportional to their number. A payload with a fault is refused as a whole: what stands
 * before the fault is as doubtful as what stands after it.
 *
 * Values are kept as they are on the wire, because a DATA message does not say its datatypes: `readNumber` and
 * `readText` of metric-value.ts interpret them once the registry has told the datatype.
 */
export function decodePayload(bytes: Uint8Array, columns: PayloadColumns): string | null {
  const end = bytes.length;
  columns.length = 0;
  columns.timestamp_ms = Number.NaN;
  columns.seq = -1;
  let pos = 0;
  while (pos < end) {
    const tag = readVarint(bytes, pos, end);
    if (tag === bad) return `the field tag at byte ${pos} is cut off`;
    const start = wire.next;
    if (tag === 0x12) {
      const length = readVarint(bytes, start, end);
      const metricStart = wire.next;
      if (length === bad || metricStart + length > end) {
        return `metric ${columns.length} at byte ${pos} is longer than the payload`;
      }
      if (columns.length === mostMetrics) return `there are more than ${mostMetrics} metrics`;
      const problem = decodeMetric(bytes, metricStart, metricStart + length, columns);
      if (problem !== null) return `metric ${columns.length - 1} at byte ${pos}: ${problem}`;
      pos = metricStart + length;
    } else if (tag === 0x08 || tag === 0x18) {
      const value = readVarint(bytes, start, end);
      if (value === bad) return `the number at byte ${start} is cut off`;
      if (tag === 0x08) columns.timestamp_ms = value;
      else columns.seq = value;
      pos = wire.next;
    } else {
      pos = skipField(bytes, tag, start, end);
      if (pos === bad || tag < 8) return `the field at byte ${start} is cut off or of no known form`;
    }
  }
  return null;
}

function decodeMetric(bytes: Uint8Array, start: number, end: number, columns: PayloadColumns): string | null {
  const row = columns.length++;
  if (row === columns.alias.length) growPayloadColumns(columns);
  let alias = Number.NaN;
  let nameStart = -1;
  let nameEnd = -1;
  let time = Number.NaN;
  let datatype = 0;
  let flags = 0;
  let quality = -1;
  let field: number = ValueField.none;
  let number = Number.NaN;
  let low = 0;
  let high = 0;

  let pos = start;
  while (pos < end) {
    let tag = bytes[pos++] as number;
    if (tag >= 0x80) {
      const long = readVarint(bytes, pos - 1, end);
      if (long === bad || long > 0x7fff_ffff) return 'a field tag is cut off';
      tag = long | 0;
      pos = wire.next;
    }
    switch (tag) {
      case 0x10: {
        const first = pos < end ? (bytes[pos] as number) : 0xff;
        if (first < 0x80) {
          alias = first;
          pos++;
        } else {
          alias = readVarint(bytes, pos, end);
          if (alias === bad) return 'its alias is cut off';
          pos = wire.next;
        }
        break;
      }
      case 0x18:
        // Timestamps of our age are six bytes long, and every metric has one: they are read without a loop.
        if (pos + 6 <= end && isSixBytes(bytes, pos)) {
          time = sixByteVarint(bytes, pos);
          pos += 6;
        } else {
          time = readVarint(bytes, pos, end);
          if (time === bad) return 'its timestamp is cut off';
          pos = wire.next;
        }
        break;
      case 0x69:
        if (pos + 8 > end) return 'a double is cut off';
        field = ValueField.double;
        scratch[0] = word(bytes, pos);
        scratch[1] = word(bytes, pos + 4);
        number = asDouble[0] as number;
        pos += 8;
        break;
      case 0x65:
        if (pos + 4 > end) return 'a float is cut off';
        field = ValueField.float;
        scratch[0] = word(bytes, pos);
        number = asFloat[0] as number;
        pos += 4;
        break;
      case 0x20:
      case 0x28:
      case 0x30:
      case 0x38:
      case 0x50:
      case 0x58:
      case 0x70: {
        const value = readVarint(bytes, pos, end);
        if (value === bad) return 'a number is cut off';
        pos = wire.next;
        if (tag === 0x50) {
          field = ValueField.int;
          // A negative number may come as ten bytes; uint32 keeps the lower half.
          number = wire.low;
        } else if (tag === 0x58) {
          field = ValueField.long;
          low = wire.low;
          high = wire.high;
        } else if (tag === 0x70) {
          field = ValueField.boolean;
          number = value === 0 ? 0 : 1;
        } else if (tag === 0x20) {
          if (value > 255) return `${value} is no datatype`;
          datatype = value;
        } else {
          const flag = tag === 0x28 ? Flag.historical : tag === 0x30 ? Flag.transient : Flag.null;
          flags = value === 0 ? flags & ~flag : flags | flag;
        }
        break;
      }
      default: {
        if ((tag & 7) !== 2) {
          pos = skipField(bytes, tag, pos, end);
          if (pos === bad || tag < 8) return `a field with the tag ${tag} is cut off or of no known form`;
          break;
        }
        const length = readVarint(bytes, pos, end);
        if (length === bad || wire.next + length > end) return 'a text or nested message is longer than the metric';
        const from = wire.next;
        pos = from + (length | 0);
        if (tag === 0x0a) {
          nameStart = from;
          nameEnd = pos;
        } else if (tag === 0x4a) {
          quality = decodeQuality(bytes, from, pos);
          if (quality < -1) return 'its properties are cut off';
        } else if (tag === 0x7a || tag === 0x82) {
          field = tag === 0x7a ? ValueField.string : ValueField.bytes;
          low = from;
          high = pos;
        } else if (tag === 0x8a) field = ValueField.dataset;
        else if (tag === 0x92) field = ValueField.template;
        else if (tag === 0x9a) field = ValueField.extension;
        else if (tag < 8) return 'a field has the number 0';
      }
    }
  }
  if (nameStart < 0 && Number.isNaN(alias)) return 'it has neither a name nor an alias';

  columns.alias[row] = alias;
  columns.name_start[row] = nameStart;
  columns.name_end[row] = nameEnd;
  columns.time_ms[row] = time;
  columns.datatype[row] = datatype;
  columns.flags[row] = flags;
  columns.quality[row] = quality;
  columns.field[row] = field;
  columns.number[row] = number;
  columns.low[row] = low;
  columns.high[row] = high;
  return null;
}

function isSixBytes(bytes: Uint8Array, pos: number): boolean {
  const more =
    (bytes[pos] as number) &
    (bytes[pos + 1] as number) &
    (bytes[pos + 2] as number) &
    (bytes[pos + 3] as number) &
    (bytes[pos + 4] as number);
  return more >= 0x80 && (bytes[pos + 5] as number) < 0x80;
}

/** 42 bits: times until the year 2109. */
function sixByteVarint(bytes: Uint8Array, pos: number): number {
  const low =
    ((bytes[pos] as number) & 0x7f) |
    (((bytes[pos + 1] as number) & 0x7f) << 7) |
    (((bytes[pos + 2] as number) & 0x7f) << 14) |
    (((bytes[pos + 3] as number) & 0x7f) << 21);
  const high = ((bytes[pos + 4] as number) & 0x7f) | ((bytes[pos + 5] as number) << 7);
  return high * 0x1000_0000 + low;
}

function word(bytes: Uint8Array, pos: number): number {
  return (
    (bytes[pos] as number) |
    ((bytes[pos + 1] as number) << 8) |
    ((bytes[pos + 2] as number) << 16) |
    ((bytes[pos + 3] as number) << 24)
  );
}
