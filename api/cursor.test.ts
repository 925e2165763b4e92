import { expect, test } from 'vitest';
import { decodeCursor, encodeCursor, toPage } from './cursor.ts';

test('a cursor comes back as it went, and holds only characters of a query string', () => {
  const cursor = encodeCursor(['2026-11-20 06:00:00.123456+00', 7]);
  expect(cursor).toMatch(/^[\w-]+$/);
  expect(decodeCursor(cursor, ['time', 'number'])).toEqual(['2026-11-20 06:00:00.123456+00', 7]);
  expect(decodeCursor(undefined, ['string'])).toBeUndefined();
});

test('a cursor of another list is refused', () => {
  expect(() => decodeCursor(encodeCursor([7]), ['string'])).toThrow('cursor is not one this list gave out');
  expect(() => decodeCursor(encodeCursor([7, 8]), ['number'])).toThrow('cursor');
  expect(() => decodeCursor(encodeCursor(['berlin', 7]), ['time', 'number'])).toThrow('cursor');
  expect(() => decodeCursor(encodeCursor([7.5]), ['number'])).toThrow('cursor');
  expect(() => decodeCursor('%%%', ['number'])).toThrow('cursor');
});

test('the extra row says that there is more and is not shown', () => {
  expect(toPage([1, 2, 3], 3, (row) => [row])).toEqual({ items: [1, 2, 3], next: null });
  expect(toPage([1, 2, 3], 2, (row) => [row])).toEqual({ items: [1, 2], next: encodeCursor([2]) });
});
