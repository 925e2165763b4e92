import { describe, expect, onTestFinished, test, vi } from 'vitest';
import type { RegisteredSignal, SignalRegistry } from '../../resolve/signal-registry.ts';
import { collectIntake } from '../testing/collecting-intake.ts';
import { createMessageReader } from './read-message.ts';

const nowMs = 1_772_352_930_000;
const temperature: RegisteredSignal = {
  signal_id: 7,
  machine_id: 1,
  kind: 'measurement',
  quantity: 'temperature',
  expected_interval_seconds: 1,
};
const machine = 'millrace/berlin/line-01/m-001';

function createReader() {
  let known = new Map([[`${machine}/temperature`, temperature]]);
  let version = 1;
  const registry: SignalRegistry = {
    get version() {
      return version;
    },
    find: (_protocol, address) => known.get(address),
    list: () => [],
    signal: () => undefined,
    size: 1,
    onChange: () => () => undefined,
    load: async () => undefined,
  };
  const intake = collectIntake();
  const reader = createMessageReader({ enterprise: 'millrace', intake, registry, clock: () => nowMs });
  return {
    intake,
    reader,
    map(address: string, signalId: number) {
      known = new Map([...known, [address, { ...temperature, signal_id: signalId }]]);
      version++;
    },
    read(topic: string, payload: unknown, retain = false) {
      reader.read({
        topic,
        payload: Buffer.from(typeof payload === 'string' ? payload : JSON.stringify(payload)),
        retain,
      });
      intake.handOver();
    },
  };
}

test('a signal and a machine speak for the same line', () => {
  const { intake, read } = createReader();
  read(`${machine}/temperature`, { ts: nowMs, value: 1.5 });
  read(machine, { ts: nowMs + 1, values: { temperature: 2.5, unknown: 3 } });
  const line = intake.of('millrace/berlin/line-01');
  expect(intake.readings('millrace/berlin/line-01').map(({ value }) => value)).toEqual([1.5, 2.5]);
  expect(line?.parked).toMatchObject([{ address: `${machine}/unknown`, value: 3 }]);
  expect(line?.received).toBe(3);
});

test('an address that becomes known is found by the next message, on both levels', () => {
  const { intake, read, map } = createReader();
  read(`${machine}/new`, { ts: nowMs, value: 1 });
  read(machine, { ts: nowMs + 1, values: { new: 2 } });
  map(`${machine}/new`, 8);
  read(`${machine}/new`, { ts: nowMs + 2, value: 3 });
  read(machine, { ts: nowMs + 3, values: { new: 4 } });
  expect(intake.of('millrace/berlin/line-01')?.parked.length).toBe(2);
  expect(intake.readings('millrace/berlin/line-01')).toMatchObject([
    { signal_id: 8, value: 3 },
    { signal_id: 8, value: 4 },
  ]);
});

test('a retained message needs a time', () => {
  const { intake, read } = createReader();
  read(`${machine}/temperature`, { value: 1 }, true);
  read(`${machine}/temperature`, { ts: nowMs - 5000, value: 2 }, true);
  expect(intake.of('millrace/berlin/line-01')?.rejected).toMatchObject([{ reason: 'retained_untimed' }]);
  expect(intake.readings('millrace/berlin/line-01')).toMatchObject([{ value: 2 }]);
});

test('a message of many bad readings keeps a hundred of them one by one, each with its own bytes, and counts the rest', () => {
  const { intake, read } = createReader();
  read(`${machine}/temperature`, [
    ...Array.from({ length: 5000 }, () => ({ ts: nowMs, value: 'warm' })),
    { ts: nowMs, value: 1 },
  ]);
  const line = intake.of('millrace/berlin/line-01');
  expect(line?.received).toBe(5001);
  expect(line?.rejected.length).toBe(101);
  expect(line?.rejected.reduce((sum, { readings }) => sum + readings, 0)).toBe(5000);
  const payloads = line?.rejected.map(({ payload }) => payload?.toString());
  expect(payloads).toEqual([...Array.from({ length: 100 }, () => `{"ts":${nowMs},"value":"warm"}`), undefined]);
  expect(line?.rejected.at(-1)?.detail).toContain('4900 further readings');
  expect(intake.readings('millrace/berlin/line-01').length).toBe(1);
});

test('each rejection keeps its own part of the message to the last digit, and a message of one reading as it came', () => {
  const { intake, read } = createReader();
  read(
    machine,
    '[{"ts": "soon", "values": {"temperature": 1e999, "a": 12345678901234567891234, "__proto__": -0}, "junk": 1},' +
      '{"ts": 5e12, "quality": "bad", "values": {"temperature": {"x": [9007199254740993]}}}, 7, {"values": 3}]',
  );
  read(`${machine}/temperature`, `{"ts": ${nowMs}, "value":  "warm" }`);
  read(machine, ' { "ts": 1} ');
  read(machine, '{"ts":1e999, "values": {"temperature": 1}}');
  read(machine, { ts: nowMs, values: { temperature: 'x'.repeat(70_000), other: 'y'.repeat(70_000) } });
  expect(intake.of('millrace/berlin/line-01')?.rejected.map(({ payload }) => payload?.toString())).toEqual([
    '{"ts":"soon","values":{"temperature":1e999}}',
    '{"ts":"soon","values":{"a":12345678901234567891234}}',
    '{"ts":"soon","values":{"__proto__":-0}}',
    '{"ts":5000000000000,"quality":"bad","values":{"temperature":{"x":[9007199254740993]}}}',
    '7',
    '{"values":3}',
    `{"ts": ${nowMs}, "value":  "warm" }`,
    ' { "ts": 1} ',
    '{"ts":1e999,"values":{"temperature":1}}',
    // Too long to be stored by anything: the message stands once.
    JSON.stringify({ ts: nowMs, values: { temperature: 'x'.repeat(70_000), other: 'y'.repeat(70_000) } }),
    undefined,
  ]);
});

test('a message of megabytes with many bad readings costs no more memory than the message', () => {
  const { intake, read } = createReader();
  const long = 'x'.repeat(3_000_000);
  read(machine, { ts: long, values: Object.fromEntries(Array.from({ length: 90 }, (_, index) => [`v${index}`, 1])) });
  const kept = new Set(intake.of('millrace/berlin/line-01')?.rejected.map(({ payload }) => payload));
  expect([...kept].map((payload) => (payload?.length ?? 0) > 3_000_000)).toEqual([true, false]);
});

describe('what a message says once for all its readings makes its rejections no larger than itself', () => {
  const named = (name: string, value: unknown) =>
    Object.fromEntries(Array.from({ length: 100 }, (_, index) => [`${name}${index}`, value]));
  const zeros = Array.from({ length: 40_000 }, () => 0);
  const long = 'x'.repeat(60_000);
  test.each<[string, unknown, number]>([
    ['an array as the time', { ts: zeros, values: named('s', 1) }, 0],
    ['an object as the quality', { ts: nowMs, quality: { zeros }, values: named('s', 1) }, 0],
    ['a long text as the time', { ts: long, values: named('s', 1) }, 0],
    ['a long number as the time', `{"ts":${'9'.repeat(60_000)},"values":${JSON.stringify(named('s', 1))}}`, 0],
    ['names that are none', { ts: nowMs, values: named('a/', long.slice(0, 500)) }, 0],
    ['names that are none, in an array', [{ ts: nowMs, long, values: named('a/', 1) }], 1],
    ['a time that is wrong, and long values', { ts: 'x'.repeat(100), values: named('s', long.slice(0, 700)) }, 85],
  ])('%s', (_, message, parts) => {
    const { intake, read } = createReader();
    const text = typeof message === 'string' ? message : JSON.stringify(message);
    const stringify = vi.spyOn(JSON, 'stringify');
    onTestFinished(() => stringify.mockRestore());
    read(machine, text);
    const written = stringify.mock.results.reduce((sum, { value }) => sum + String(value).length, 0);
    expect(written).toBeLessThan(1.3 * text.length);
    const payloads = intake.of('millrace/berlin/line-01')?.rejected.map(({ payload }) => payload?.toString());
    expect(payloads).toHaveLength(100);
    const kept = payloads?.filter((payload) => payload !== undefined) ?? [];
    // Beside the parts the message stands once as it came.
    expect(kept.filter((payload) => payload === text)).toHaveLength(1);
    const own = kept.filter((payload) => payload !== text);
    expect(own).toHaveLength(parts);
    expect(own.join('').length).toBeLessThanOrEqual(text.length);
  });
});

test('wrong topics count for the enterprise, and a thousand lines are enough sources', () => {
  const { intake, reader, read } = createReader();
  read('millrace/berlin', { value: 1 });
  expect(intake.of('millrace')?.rejected).toMatchObject([{ reason: 'wrong_topic', address: 'millrace/berlin' }]);
  for (let line = 0; line < 1500; line++) read(`millrace/berlin/line-${line}/m/x`, { ts: nowMs, value: 1 });
  expect(reader.lines.size).toBeLessThanOrEqual(1002);
  expect(intake.of('millrace/other lines')?.parked.length).toBeGreaterThan(400);
});

test('an empty message clears a retained one: no reading, no mistake, but counted', () => {
  const { intake, reader, read } = createReader();
  read(`${machine}/temperature`, { ts: nowMs, value: 1.5 });
  read(`${machine}/temperature`, '', true);
  read(`${machine}/temperature`, '');
  expect(intake.of('millrace/berlin/line-01')).toMatchObject({ received: 1, rejected: [] });
  expect(reader.lines.get('millrace/berlin/line-01')?.empty_messages).toBe(2);
});
