import { expect, test } from 'vitest';
import { appendReading, createColumns } from '../../core/reading-columns.ts';
import { frameBytes } from './frame.ts';
import {
  decodeEntry,
  decodeFrame,
  encodeBackfill,
  encodeIntake,
  encodeReplay,
  type JournaledIntake,
} from './record.ts';

function intake(): JournaledIntake {
  const live = createColumns(4);
  appendReading(live, 1_772_352_930_123_456, 7, 0.1 + 0.2, 192);
  appendReading(live, 1_772_352_930_123_457, 8, Number.NaN, 0);
  appendReading(live, 1_772_352_930_123_458, 8, -0, 64);
  const historical = createColumns(1);
  appendReading(historical, 1_772_000_000_000_000, 9, 5e-324, 192);
  return {
    protocol: 'mqtt',
    name: 'millrace/berlin/line-01',
    received: 10,
    lost_upstream: 3,
    untimed: 1,
    dropped: 2,
    live,
    historical,
    texts: [{ signal_id: 5, time_us: 1_772_352_930_123_456, text: 'PN-ü-4711 "x"', quality: 192, historical: false }],
    parked: [
      { address: 'a/b/c/d/e', time_us: 1, value: Number.NaN, text: 'on', quality: 192 },
      { address: 'a/b/c/d/f', time_us: 2, value: -0, text: null, quality: 0 },
    ],
    rejected: [
      {
        readings: 4,
        address: 'a',
        reason: 'out_of_range',
        detail: 'd',
        signal_id: null,
        time_us: Number.NEGATIVE_INFINITY,
        value: Number.POSITIVE_INFINITY,
        payload: Buffer.from([0, 255, 128]),
      },
      {
        readings: 1,
        address: 'b',
        reason: 'malformed_payload',
        detail: 'd',
        signal_id: 3,
        time_us: Number.NaN,
        value: Number.NaN,
        payload: null,
      },
    ],
  };
}

test('an intake comes back bit for bit: values, times, texts, not-a-numbers, infinities, negative zero, bytes', () => {
  const record = encodeIntake(1_772_352_930_999, [intake(), { ...intake(), name: 'millrace/berlin/line-02' }]);
  const entry = decodeEntry(record.subarray(frameBytes));
  if (entry.kind !== 'intake') throw new Error(`The entry is a ${entry.kind}.`);
  expect(entry.received_at_ms).toBe(1_772_352_930_999);
  expect(entry.sources.map(({ name }) => name)).toEqual(['millrace/berlin/line-01', 'millrace/berlin/line-02']);
  const [first] = entry.sources;
  const original = intake();
  expect(first?.live.length).toBe(3);
  for (const column of ['time_us', 'value', 'signal_id', 'quality'] as const) {
    expect([...(first?.live[column] ?? [])]).toEqual([...original.live[column].subarray(0, 3)]);
    expect([...(first?.historical[column] ?? [])]).toEqual([...original.historical[column].subarray(0, 1)]);
  }
  const { live: _live, historical: _historical, ...rest } = first ?? original;
  const { live: _originalLive, historical: _originalHistorical, ...expected } = original;
  expect(rest).toEqual(expected);
});

test('rejected bytes are kept up to 64 KiB, and a flood of them is cut short', () => {
  const flood = {
    ...intake(),
    rejected: Array.from({ length: 200 }, () => ({ ...intake().rejected[1], payload: Buffer.alloc(100_000, 7) })),
  };
  const entry = decodeEntry(encodeIntake(0, [flood as JournaledIntake]).subarray(frameBytes));
  if (entry.kind !== 'intake') throw new Error(`The entry is a ${entry.kind}.`);
  const sizes = entry.sources[0]?.rejected.map(({ payload }) => payload?.length) ?? [];
  expect(sizes[0]).toBe(65_536);
  expect(sizes.at(-1)).toBe(256);
  expect(sizes.length).toBe(200);
});

test('an order to back-fill comes back', () => {
  expect(decodeEntry(encodeBackfill('sparkplug', 'group/edge/device/metric').subarray(frameBytes))).toEqual({
    kind: 'backfill',
    protocol: 'sparkplug',
    address: 'group/edge/device/metric',
  });
});

/** A payload with this head and the binary parts of a whole record. */
function withHead(head: unknown, rest: Buffer = Buffer.alloc(0)): Buffer {
  const bytes = Buffer.from(JSON.stringify(head));
  const size = Buffer.alloc(4);
  size.writeUInt32LE(bytes.length);
  return Buffer.concat([size, bytes, rest]);
}

test('what is no record of ours is refused, whatever is wrong with it', () => {
  const payload = encodeIntake(0, [intake()]).subarray(frameBytes);
  const headBytes = payload.readUInt32LE(0);
  const rest = payload.subarray(4 + headBytes);
  type Fields = Record<string, unknown>;
  const head = (): { sources: [Fields & Record<'texts' | 'parked' | 'rejected', [Fields]>] } =>
    JSON.parse(payload.toString('utf8', 4, 4 + headBytes)) as ReturnType<typeof head>;
  expect(decodeEntry(withHead(head(), rest))).toEqual(decodeEntry(payload));
  expect(decodeEntry(encodeReplay().subarray(frameBytes))).toEqual({ kind: 'replay' });

  const wrong: [string, Buffer][] = [
    ['nothing', Buffer.alloc(0)],
    ['no head', Buffer.alloc(4)],
    ['noise', Buffer.from('\u0010\u0000\u0000\u0000 what is this? ')],
    ['a byte too many', Buffer.concat([payload, Buffer.alloc(1)])],
    ['a head beyond the end', Buffer.concat([Buffer.alloc(4, 255), payload.subarray(4)])],
    ...['null', '5', '"intake"', '[]', '{}', '{"kind": "toString"}', '{"kind": ["intake"]}', '{"kind": "later"}'].map(
      (json): [string, Buffer] => [json, withHead(JSON.parse(json))],
    ),
    ['an order without an address', withHead({ kind: 'backfill', protocol: 'mqtt' })],
    ['no sources', withHead({ kind: 'intake', received_at_ms: 0 })],
    ...[1e300, 4e12, -1, -8.6e15, null, '5', [5]].map((time): [string, Buffer] => [
      `received at ${JSON.stringify(time)}`,
      withHead({ ...head(), received_at_ms: time }, rest),
    ]),
  ];
  for (let size = 0; size < payload.length; size++) wrong.push([`cut at ${size}`, payload.subarray(0, size)]);
  for (const field of Object.keys(head().sources[0])) {
    for (const value of [undefined, { odd: true }, -1, [null], [{ payload: 9 }]]) {
      const other = head();
      Object.assign(other.sources[0], { [field]: value });
      wrong.push([`${field} is ${JSON.stringify(value)}`, withHead(other, rest)]);
    }
  }
  for (const list of ['texts', 'parked', 'rejected'] as const) {
    for (const field of Object.keys(head().sources[0][list][0])) {
      const other = head();
      Object.assign(other.sources[0][list][0], { [field]: { odd: true } });
      wrong.push([`${field} of ${list}`, withHead(other, rest)]);
    }
  }
  for (const [name, bytes] of wrong) expect(() => decodeEntry(bytes), name).toThrow(/./);
  const frame = { sequence: 3, readings: 10, total: 20, payload: Buffer.from('noise'), end: 0 };
  const heard: unknown[] = [];
  expect(decodeFrame(frame, (which) => heard.push(which))).toMatchObject({ kind: 'intake', sources: [] });
  expect(heard).toEqual([frame]);
});
