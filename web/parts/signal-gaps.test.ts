import { expect, test } from 'vitest';
import type { GapRow } from '../../api/schemas/ledger.ts';
import { signalGaps } from './signal-gaps.ts';

const gap = (signal_id: number, hour: number, expected: number, stored: number): GapRow => ({
  signal_id,
  signal_name: `s-${signal_id}`,
  machine_id: 1,
  machine_name: 'm-001',
  from: `2026-11-20T${hour}:00:00Z`,
  to: `2026-11-20T${hour + 1}:00:00Z`,
  expected,
  stored,
  coverage: stored / expected,
});

test('gaps are gathered by signal, the most missing first', () => {
  const found = signalGaps([gap(1, 10, 100, 90), gap(2, 10, 3600, 0), gap(1, 12, 100, 50)]);
  expect(
    found.map(({ signal, gaps, missing, expected }) => [signal.signal_id, gaps.length, missing, expected]),
  ).toEqual([
    [2, 1, 3600, 3600],
    [1, 2, 60, 200],
  ]);
  expect(signalGaps([])).toEqual([]);
});
