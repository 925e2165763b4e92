import { expect, test } from 'vitest';
import { changeQuery, parseRoute, pathOf, type Route } from './router.ts';

test.each<[string, Route]>([
  ['/', { page: 'overview' }],
  ['', { page: 'overview' }],
  ['/lines/7', { page: 'line', id: 7 }],
  ['/machines/236/', { page: 'machine', id: 236 }],
  ['/work-orders', { page: 'work-orders' }],
  ['/work-orders/12', { page: 'work-order', id: 12 }],
  ['/alarms', { page: 'alarms' }],
  ['/data', { page: 'data' }],
  ['/login', { page: 'login' }],
])('%s', (path, route) => {
  expect(parseRoute(path)).toEqual(route);
  expect(parseRoute(pathOf(route))).toEqual(route);
});

test.each([
  '/machines',
  '/machines/0',
  '/machines/1.5',
  '/machines/-1',
  '/machines/1/2',
  '/machines/99999999999',
  '/constructor/1',
  '/toString',
  '/api/v1/machines',
])('%s is no page', (path) => {
  expect(parseRoute(path)).toEqual({ page: 'missing' });
});

test('view state is changed without losing the rest', () => {
  expect(changeQuery('?range=1h&signal=3', { range: '8h' })).toBe('?range=8h&signal=3');
  expect(changeQuery('?range=1h', { range: null })).toBe('');
  expect(changeQuery('', { q: 'a b&c' })).toBe('?q=a+b%26c');
  expect(changeQuery('?q=x', { q: '' })).toBe('');
});
