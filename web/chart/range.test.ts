import { expect, test } from 'vitest';
import { leastSeconds, parseRange, zoomQuery } from './range.ts';

test('a range by name, and nonsense', () => {
  expect(parseRange('8h', null, null)).toEqual({ kind: 'live', name: '8h', seconds: 28_800 });
  for (const wrong of [null, '', '3y', '__proto__'])
    expect(parseRange(wrong, null, null)).toMatchObject({ name: '15m' });
});

test('two instants win over a name; reversed, empty or broken ones do not', () => {
  expect(parseRange('8h', '1000000', '2000000')).toEqual({ kind: 'fixed', from_ms: 1_000_000, to_ms: 2_000_000 });
  for (const [from, to] of [
    ['2000000', '1000000'],
    ['1000', '1000'],
    ['x', '2'],
    [null, '2000000'],
  ] as const)
    expect(parseRange('8h', from, to)).toMatchObject({ kind: 'live' });
});

test('a slip of the mouse becomes a range that can be drawn, and reads back', () => {
  const { from, to } = zoomQuery(1000, 1000.2) as { from: string; to: string };
  expect(Number(to) - Number(from)).toBeGreaterThanOrEqual(leastSeconds * 1000);
  expect(parseRange(null, from, to)).toMatchObject({ kind: 'fixed' });
});
