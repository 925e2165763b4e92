import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { decodeJson, largestPayload } from './json-payload.ts';

interface TestCase {
  name: string;
  machine?: boolean;
  payload: string;
  /** [name, time in µs or "none", value, quality]; values that JSON lacks are texts: "Infinity", "-0", "…n". */
  readings?: [string, number | string, unknown, number][];
  rejected?: string[];
}

const cases = JSON.parse(readFileSync(join(import.meta.dirname, 'testcases/json-payload.json'), 'utf8')) as TestCase[];

function decode(payload: Buffer | string, machineLevel = false) {
  const readings: [string, number | string, unknown, number][] = [];
  const rejected: { name: string; reason: string; detail: string }[] = [];
  decodeJson(Buffer.from(payload), machineLevel, {
    reading: (name, timeUs, value, quality) =>
      readings.push([
        name,
        Number.isNaN(timeUs) ? 'none' : timeUs,
        typeof value === 'string' ? value : plain(value),
        quality,
      ]),
    rejected: (name, reason, detail) => rejected.push({ name, reason, detail }),
  });
  return { readings, rejected };
}

function plain(value: unknown): unknown {
  if (typeof value === 'bigint') return `${value}n`;
  if (Object.is(value, -0)) return '-0';
  return value === Number.POSITIVE_INFINITY ? 'Infinity' : value;
}

describe('golden cases', () => {
  test.each(cases)('$name', ({ payload, machine, readings = [], rejected = [] }) => {
    const decoded = decode(payload, machine);
    expect(decoded.readings).toEqual(readings);
    expect(decoded.rejected.map(({ reason }) => reason)).toEqual(rejected);
    // Every refusal says what is accepted.
    for (const { detail } of decoded.rejected) expect(detail).toMatch(/accepted (is|are|on)/);
  });
});

describe('hostile bytes', () => {
  test('invalid UTF-8 is rejected, not repaired', () => {
    expect(decode(Buffer.from('{"value":"\xff"}', 'latin1')).rejected[0]?.reason).toBe('malformed_payload');
  });

  test('100,000 levels of arrays and objects neither throw nor hang', () => {
    const deep = 100_000;
    expect(decode('['.repeat(deep) + ']'.repeat(deep)).rejected.length).toBe(1);
    expect(decode('{"value":'.repeat(deep) + '1' + '}'.repeat(deep)).rejected[0]?.reason).toBe('not_a_number');
    const beside = `[{"ts":1,"value":9007199254740993},${'['.repeat(deep)}${']'.repeat(deep)}]`;
    expect(decode(beside).rejected.map(({ reason }) => reason)).toEqual(['inexact_number', 'malformed_payload']);
  });

  test('a message whose digits cannot be read is read for them once, not for every number', () => {
    const parse = vi.spyOn(JSON, 'parse');
    onTestFinished(() => parse.mockRestore());
    const numbers = '{"ts":1,"value":9007199254740993},'.repeat(50);
    const { rejected } = decode(`[${numbers}${'['.repeat(100_000)}${']'.repeat(100_000)}]`);
    expect(rejected.filter(({ reason }) => reason === 'inexact_number')).toHaveLength(50);
    expect(parse.mock.calls).toHaveLength(2);
  });

  test('a message above the limit is refused without being parsed, one of 10 MB is read', () => {
    expect(decode(Buffer.alloc(largestPayload + 1, 0x5b)).rejected[0]?.reason).toBe('too_large');
    const long = `[${' '.repeat(10_000_000)}{"ts":1772352930123,"value":1}]`;
    expect(decode(long).readings.length).toBe(1);
  });

  test('three thousand random messages never throw', () => {
    let state = 1781;
    const random = (below: number): number => {
      state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
      return Math.floor((state / 2 ** 32) * below);
    };
    const pieces = [
      '{',
      '}',
      '[',
      ']',
      '"ts"',
      '"value"',
      '"values"',
      ':',
      ',',
      '1e400',
      'null',
      'true',
      '-',
      '"',
      '\\u0000',
      '\\ud800',
      '1772352930123',
    ];
    for (let round = 0; round < 3000; round++) {
      const text = Array.from({ length: random(20) }, () => pieces[random(pieces.length)]).join('');
      const bytes =
        random(3) === 0 ? Buffer.from(Array.from({ length: random(30) }, () => random(256))) : Buffer.from(text);
      const { readings, rejected } = decode(bytes, random(2) === 0);
      // Every message ends as something: nothing that was sent may vanish from the books.
      expect(readings.length + rejected.length).toBeGreaterThan(0);
    }
  });
});

test.each([
  ['{"ts":1000,"value":1e999}', false, 'The value is 1e999; accepted is'],
  ['[{"ts":1000,"value":1},{"ts":1001,"value":-1E+400}]', false, 'The value is -1E+400; accepted is'],
  ['{"ts":1000,"values":{"temperature":1e999}}', true, 'The value is 1e999; accepted is'],
  ['[]', false, 'The message is an array without a reading; accepted is'],
  ['{"ts":1000,"values":{}}', true, 'The object "values" is empty; accepted on'],
])('%s is refused once, with the text as received', (payload, machine, sentence) => {
  const { rejected } = decode(Buffer.from(payload), machine);
  expect(rejected).toHaveLength(1);
  expect(rejected[0]?.detail).toContain(sentence);
});
