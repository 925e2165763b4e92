import { describe, expect, test } from 'vitest';
import { Datatype } from './datatype.ts';
import { decodePayload } from './decode-payload.ts';
import { encodePayload } from './encode-payload.ts';
import { readValue } from './metric-value.ts';
import { createPayloadColumns } from './payload-columns.ts';

const columns = createPayloadColumns();

/** A small generator with a seed (mulberry32), so that a failing run can be repeated. */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

const sample = encodePayload({
  timestamp_ms: 1_700_000_000_000,
  seq: 7,
  with_datatypes: true,
  metrics: [
    {
      name: 'temperature',
      alias: 1,
      timestamp_ms: 1_700_000_000_000,
      datatype: Datatype.Double,
      value: 21.5,
      quality: 192,
    },
    { name: 'count', alias: 2, datatype: Datatype.UInt64, value: 123_456_789_012, is_historical: true },
    { name: 'order', alias: 3, datatype: Datatype.String, value: 'P-100' },
    { name: 'picture', alias: 4, datatype: Datatype.File, value: Buffer.alloc(40) },
  ],
});

/** Reads everything a receiver would read; must not throw, and offsets must stay inside the bytes. */
function readAll(bytes: Buffer): string | null {
  const problem = decodePayload(bytes, columns);
  if (problem !== null) return problem;
  for (let row = 0; row < columns.length; row++) {
    const nameEnd = columns.name_end[row] ?? 0;
    if (nameEnd > bytes.length) throw new Error(`name of metric ${row} ends at ${nameEnd} of ${bytes.length}`);
    for (const datatype of [columns.datatype[row] ?? 0, Datatype.Int64, Datatype.String, Datatype.BooleanArray]) {
      readValue(bytes, columns, row, datatype);
    }
  }
  return null;
}

describe('bytes that are no Sparkplug payload', () => {
  test('every truncation of a payload is either whole up to a field border or named as cut off', () => {
    let refused = 0;
    for (let length = 0; length < sample.length; length++) if (readAll(sample.subarray(0, length)) !== null) refused++;
    expect(refused).toBeGreaterThan(sample.length * 0.9);
  });

  test('5,000 payloads with a few bytes changed', () => {
    const random = seeded(1);
    let whole = 0;
    for (let round = 0; round < 5000; round++) {
      const bytes = Buffer.from(sample);
      for (let change = 0; change <= random() * 4; change++)
        bytes[Math.floor(random() * bytes.length)] = random() * 256;
      if (readAll(bytes) === null) whole++;
    }
    expect(whole).toBeGreaterThan(1000);
    expect(whole).toBeLessThan(19_000);
  });

  test('5,000 runs of random bytes', () => {
    const random = seeded(2);
    let refused = 0;
    for (let round = 0; round < 5000; round++) {
      const bytes = Buffer.alloc(Math.floor(random() * 200));
      for (let index = 0; index < bytes.length; index++) bytes[index] = random() * 256;
      if (readAll(bytes) !== null) refused++;
    }
    expect(refused).toBeGreaterThan(3750);
  });

  test.each([
    ['a metric longer than the payload', '12ffffffff0f', 'longer than the payload'],
    ['a length of 2^63', '12ffffffffffffffff7f', 'longer than the payload'],
    ['a varint of eleven bytes', '08ffffffffffffffffffff01', 'cut off'],
    ['a group, which could nest without end', `0b${'0b'.repeat(1000)}`, 'no known form'],
    ['a group inside a metric', '12040a01610b', 'no known form'],
    ['a name longer than its metric', '12030aff01', 'longer than the metric'],
    ['a double of four bytes', '12080a01616900000000', 'double is cut off'],
    ['a metric without name and alias', '12025005', 'neither a name nor an alias'],
    ['properties that are cut off', '12070a01614a020aff', 'properties are cut off'],
    ['field number 0', '0001', 'no known form'],
  ])('%s', (_, hex, reason) => {
    expect(decodePayload(Buffer.from(hex, 'hex'), columns)).toContain(reason);
  });

  test('property sets nested 100,000 deep are stepped over in one step', () => {
    let nested = Buffer.alloc(0);
    const layers: Buffer[] = [];
    for (let depth = 0, size = 0; depth < 100_000; depth++) {
      const header = [0x4a];
      for (let length = size; ; length = Math.floor(length / 128)) {
        if (length < 128) {
          header.push(length);
          break;
        }
        header.push((length % 128) | 0x80);
      }
      layers.push(Buffer.from(header));
      size += header.length;
    }
    nested = Buffer.concat(layers.reverse());
    const properties = Buffer.concat([Buffer.from('12', 'hex'), varint(nested.length), nested]);
    const metric = Buffer.concat([Buffer.from('0a01614a', 'hex'), varint(properties.length), properties]);
    expect(decodePayload(Buffer.concat([Buffer.from('12', 'hex'), varint(metric.length), metric]), columns)).toBeNull();
    expect(columns.quality[0]).toBe(-1);
  });

  test('more metrics than any edge node has', () => {
    const bytes = Buffer.alloc(4 * 250_001);
    for (let at = 0; at < bytes.length; at += 4) bytes.set([0x12, 0x02, 0x10, 0x01], at);
    expect(decodePayload(bytes, createPayloadColumns())).toContain('more than 250000 metrics');
  });
});

function varint(value: number): Buffer {
  const bytes: number[] = [];
  for (; value >= 128; value = Math.floor(value / 128)) bytes.push((value % 128) | 0x80);
  return Buffer.from([...bytes, value]);
}
