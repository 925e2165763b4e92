import { describe, expect, test } from 'vitest';
import { parseNumber } from './parse-number.ts';
import { createTimeParser } from './parse-time.ts';

const number = (text: string): number => parseNumber(Buffer.from(text), 0, text.length);
const time = (text: string, zone?: string): number => createTimeParser(zone)(Buffer.from(text), 0, text.length);

describe('numbers', () => {
  test.each([
    '0',
    '-0',
    '1',
    '-1.5',
    '+2.25',
    '0.1',
    '123456.789',
    '99999.999999999',
    '1e3',
    '-2.5E-7',
    '.5',
    '5.',
    '12345678901234567890',
    '0.30000000000000004',
    '1.7976931348623157e308',
  ])('%s is read to the last bit', (text) => {
    expect(Object.is(number(text), Number(text))).toBe(true);
  });

  test('a thousand numbers of every length equal what JavaScript reads', () => {
    let seed = 7;
    for (let index = 0; index < 1000; index++) {
      seed = (Math.imul(seed, 1_103_515_245) + 12_345) & 0x7fff_ffff;
      const text = (((seed / 0x7fff_ffff) * 2 - 1) * 10 ** (seed % 18)).toFixed(seed % 12);
      expect(number(text)).toBe(Number(text));
    }
  });

  test.each(['', '-', '.', 'abc', '1.2.3', '1,5', '0x10', '1e', '12 34', 'Infinity', 'NaN', '--1'])(
    '%j is none',
    (text) => {
      expect(number(text)).toBeNaN();
    },
  );

  test('only the given part is read', () => {
    expect(parseNumber(Buffer.from('xx12.5yy'), 2, 6)).toBe(12.5);
  });
});

describe('times', () => {
  const us = (text: string, more = 0): number => Date.parse(text) * 1000 + more;

  test.each([
    ['2026-03-01T06:00:00Z', us('2026-03-01T06:00:00Z')],
    ['2026-03-01T06:00:00.123456Z', us('2026-03-01T06:00:00.123Z', 456)],
    ['2026-03-01T06:00:00.1234567Z', us('2026-03-01T06:00:00.123Z', 456)],
    ['2026-03-01T06:00:00.5+01:00', us('2026-03-01T05:00:00.500Z')],
    ['2026-03-01 06:00:00-0530', us('2026-03-01T11:30:00Z')],
    ['2026-03-01 06:00:00', us('2026-03-01T06:00:00Z')],
    ['2026-03-01 06:00', us('2026-03-01T06:00:00Z')],
    ['2024-02-29T23:59:59.999999Z', us('2024-02-29T23:59:59.999Z', 999)],
    ['1767225600', 1_767_225_600_000_000],
    ['1767225600.25', 1_767_225_600_250_000],
    ['1767225600123', 1_767_225_600_123_000],
    ['1767225600123456', 1_767_225_600_123_456],
    ['1767225600123456789', 1_767_225_600_123_456],
  ])('%s', (text, expected) => {
    expect(time(text)).toBe(expected);
  });

  test.each([
    '',
    'yesterday',
    '2026-02-30T00:00:00Z',
    '2026-13-01T00:00:00Z',
    '2026-01-01T24:00:00Z',
    '2026-01-01T00:61:00Z',
    '2026-01-01T00:00:00Zulu',
    '01.02.2026 10:00:00',
    '2026-01-01',
  ])('%j is none', (text) => {
    expect(time(text)).toBeNaN();
  });

  test('a local time follows the zone through both changes of the clocks', () => {
    expect(time('2026-01-15 12:00:00', 'Europe/Berlin')).toBe(us('2026-01-15T11:00:00Z'));
    expect(time('2026-07-15 12:00:00', 'Europe/Berlin')).toBe(us('2026-07-15T10:00:00Z'));
    expect(time('2026-03-29 01:59:59', 'Europe/Berlin')).toBe(us('2026-03-29T00:59:59Z'));
    expect(time('2026-03-29 03:00:00', 'Europe/Berlin')).toBe(us('2026-03-29T01:00:00Z'));
    expect(time('2026-10-25 03:30:00', 'Europe/Berlin')).toBe(us('2026-10-25T02:30:00Z'));
    expect(time('2026-07-15 12:00:00Z', 'Europe/Berlin')).toBe(us('2026-07-15T12:00:00Z'));
  });

  test.each([
    ['2026-10-25 02:30:00', 'Europe/Berlin', '2026-10-25T00:30:00Z'],
    ['2026-03-29 02:30:00', 'Europe/Berlin', '2026-03-29T01:30:00Z'],
    ['2026-11-01 01:30:00', 'America/New_York', '2026-11-01T05:30:00Z'],
    ['2026-03-08 02:30:00', 'America/New_York', '2026-03-08T07:30:00Z'],
  ])(
    '%s in %s comes twice or never: the first of the two, or counted on from the old offset',
    (text, zone, expected) => {
      expect(time(text, zone)).toBe(us(expected));
    },
  );

  test('one parser keeps days apart', () => {
    const parse = createTimeParser();
    const texts = ['2026-01-31T00:00:01Z', '2026-02-01T00:00:01Z', '2026-01-31T00:00:01Z'];
    expect(texts.map((text) => parse(Buffer.from(text), 0, text.length))).toEqual(texts.map((text) => us(text)));
  });
});
