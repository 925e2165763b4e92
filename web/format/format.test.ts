import { afterEach, describe, expect, test } from 'vitest';
import { setLocale, usableLocale } from './locale.ts';
import { formatBytes, formatCount, formatPercent, formatUnit, formatValue, unknownFigure } from './numbers.ts';
import {
  formatAgo,
  formatClock,
  formatDuration,
  formatElapsed,
  formatElapsedCalm,
  formatElapsedShort,
  formatRecent,
  formatZone,
} from './times.ts';

afterEach(() => setLocale('en-US'));

describe('locale', () => {
  test('an odd language tag never throws', () => {
    expect(usableLocale('en-US@posix')).toBe('en-US');
    expect(usableLocale('de_DE.UTF-8')).toBe('de-DE');
    expect(usableLocale('C')).toBe('en-US');
    expect(usableLocale('')).toBe('en-US');
    expect(usableLocale(undefined)).toBe('en-US');
  });
});

describe('numbers', () => {
  test('what is not known is a dash and never a zero', () => {
    for (const format of [formatCount, formatPercent, formatValue, formatBytes])
      for (const value of [null, undefined, Number.NaN, Number.POSITIVE_INFINITY])
        expect(format(value)).toBe(unknownFigure);
    expect(formatPercent(0)).toBe('0.0%');
  });

  test('German separators', () => {
    setLocale('de-DE');
    expect(formatCount(19_271)).toBe('19.271');
    expect(formatPercent(0.7479)).toBe('74,8\u00a0%');
    expect(formatValue(71.2)).toBe('71,20');
  });

  test('decimals follow the size of the value', () => {
    expect([0.01234, 1.5, 12.5, 123.45, 1234.5].map(formatValue)).toEqual([
      '0.012',
      '1.500',
      '12.50',
      '123.5',
      '1,235',
    ]);
    expect(formatValue(0.0001)).toBe('1E-4');
    expect(formatValue(0)).toBe('0.000');
  });

  test('a performance above 100 % is shown as it is', () => {
    expect(formatPercent(1.234)).toBe('123.4%');
  });

  test('units as people write them', () => {
    expect(['Cel', 'bar', 'N.m', '{rpm}', '{count}'].map(formatUnit)).toEqual(['°C', 'bar', 'N m', '1/min', '']);
  });
});

describe('times', () => {
  const instant = Date.UTC(2026, 2, 3, 9, 42, 7);

  test('the same instant in three plants', () => {
    expect(formatClock(instant, 'Europe/Berlin')).toBe('10:42');
    expect(formatClock(instant, 'America/New_York')).toBe('04:42');
    expect(formatClock(instant, 'Asia/Kolkata')).toBe('15:12');
    expect(formatZone(instant, 'America/New_York')).toBe('EST');
  });

  test('both sides of the change to summer time', () => {
    expect(formatClock(Date.UTC(2026, 2, 29, 0, 59), 'Europe/Berlin')).toBe('01:59');
    expect(formatClock(Date.UTC(2026, 2, 29, 1, 0), 'Europe/Berlin')).toBe('03:00');
  });

  test('the date appears only when it is not today in that zone', () => {
    expect(formatRecent(instant, 'Europe/Berlin', instant + 3_600_000)).toBe('10:42');
    expect(formatRecent(instant, 'Europe/Berlin', instant + 86_400_000)).toBe('Mar 3, 10:42');
    // 20:00 UTC is the next day already in Pune.
    expect(formatRecent(instant, 'Asia/Kolkata', Date.UTC(2026, 2, 3, 20, 0))).toBe('Mar 3, 15:12');
  });

  test('time in state', () => {
    expect([0, 59_999, 60_000, 760_000, 3_600_000, 11_100_000, 187_200_000].map(formatElapsed)).toEqual([
      '0 s',
      '59 s',
      '1:00',
      '12:40',
      '1 h 00',
      '3 h 05',
      '2 d 4 h',
    ]);
    expect(formatElapsed(null)).toBe(unknownFigure);
    expect(formatElapsed(-5)).toBe('0 s');
    expect([-5, 59_999, 60_000, 3_599_000, 3_600_000, 187_200_000].map(formatElapsedShort)).toEqual([
      '0s',
      '59s',
      '1m',
      '59m',
      '1h',
      '2d',
    ]);
  });

  test('time in a state that is as it should be', () => {
    expect([59_999, 60_000, 3_599_000, 11_100_000].map(formatElapsedCalm)).toEqual([
      '< 1 min',
      '1 min',
      '59 min',
      '3 h 05',
    ]);
  });

  test('durations and ages', () => {
    expect([45, 720, 12_240, 181_440].map(formatDuration)).toEqual(['45 s', '12 min', '3.4 h', '2.1 d']);
    expect(formatAgo(instant, instant + 250_000)).toBe('4 min ago');
    expect(formatAgo(instant + 5000, instant)).toBe('now');
  });
});
