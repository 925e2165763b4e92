import { expect, test } from 'vitest';
import { judgeBalance } from './balance.ts';

const source = (
  received: number,
  ends: { stored?: number; duplicate?: number; rejected?: number; parked?: number; dropped?: number },
) => ({
  source_id: 1,
  source_name: 'line-01',
  protocol: 'mqtt' as const,
  received,
  stored: 0,
  duplicate: 0,
  conflict: 0,
  rejected: 0,
  parked: 0,
  dropped: 0,
  lost_upstream: 7,
  late: 3,
  from_future: 0,
  untimed: 0,
  ...ends,
});

test('every reading with exactly one end balances, whatever was lost before it reached us', () => {
  expect(judgeBalance([source(10, { stored: 4, duplicate: 3, rejected: 1, parked: 1, dropped: 1 })])).toEqual({
    balanced: true,
    differences: [],
  });
  expect(judgeBalance([])).toEqual({ balanced: true, differences: [] });
});

test('a lost and a doubled reading do not cancel each other out', () => {
  const { balanced, differences } = judgeBalance([
    source(10, { stored: 9 }),
    { ...source(10, { stored: 11 }), source_id: 2, source_name: 'line-02' },
  ]);
  expect(balanced).toBe(false);
  expect(differences).toMatchObject([
    {
      source_id: 1,
      difference: 1,
      sentence: '1 of 10 readings received from line-01 are neither stored, duplicate, rejected, parked nor dropped.',
    },
    {
      source_id: 2,
      difference: -1,
      sentence: 'line-02 has 1 readings more stored, duplicate, rejected, parked or dropped than received.',
    },
  ]);
});
