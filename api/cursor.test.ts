import { expect, test } from 'vitest';
import { decodeCursor, encodeCursor, toPage } from './cursor.ts';

test('a cursor comes back as it went, and holds only characters of a query string', () => {
  const cursor = encodeCursor('alarms', ['2026-11-20 06:00:00.123456+00', 7]);
  expect(cursor).toMatch(/^[\w-]+$/);
  expect(decodeCursor(cursor, 'alarms', ['time', 'number'])).toEqual(['2026-11-20 06:00:00.123456+00', 7]);
  expect(decodeCursor(undefined, 'alarms', ['string'])).toBeUndefined();
});

test('a cursor of another list is refused', () => {
  expect(() => decodeCursor(encodeCursor('alarms', [7]), 'alarms', ['string'])).toThrow(
    'cursor is not one this list gave out',
  );
  expect(() => decodeCursor(encodeCursor('alarms', [7, 8]), 'alarms', ['number'])).toThrow('cursor');
  expect(() => decodeCursor(encodeCursor('alarms', ['berlin', 7]), 'alarms', ['time', 'number'])).toThrow('cursor');
  expect(() => decodeCursor(encodeCursor('alarms', [7.5]), 'alarms', ['number'])).toThrow('cursor');
  expect(() => decodeCursor(encodeCursor('faults', [7]), 'alarms', ['number'])).toThrow('cursor');
  expect(() => decodeCursor('%%%', 'alarms', ['number'])).toThrow('cursor');
});

test('the extra row says that there is more and is not shown', () => {
  expect(toPage([1, 2, 3], 3, 'alarms', (row) => [row])).toEqual({ items: [1, 2, 3], next: null });
  expect(toPage([1, 2, 3], 2, 'alarms', (row) => [row])).toEqual({ items: [1, 2], next: encodeCursor('alarms', [2]) });
});
