import { expect, test } from 'vitest';
import { readEvidence, trendPath } from './evidence.ts';

test('what is understood becomes reasons and trends, the rest is shown as it is', () => {
  const evidence = readEvidence({
    reasons: ['Vibration rose 62 %'],
    trend: {
      signal_id: 4,
      signal_name: 'vibration',
      unit: 'mm/s',
      time_ms: [0, 1000, 2000],
      value: [1, null, 3],
      limit_high: 4,
    },
    rule: 'bearing/1',
    scores: { bearing: 0.91234, electrical: 0.02 },
    nothing: null,
  });
  expect(evidence.reasons).toEqual(['Vibration rose 62 %']);
  expect(evidence.trends).toHaveLength(1);
  expect(evidence.facts).toEqual([
    ['rule', 'bearing/1'],
    ['scores', 'bearing 0.9123, electrical 0.02000'],
  ]);
});

test('a trend that cannot be drawn is not drawn', () => {
  for (const trend of [
    null,
    {},
    { time_ms: [1], value: [1] },
    { time_ms: [1, 2], value: [1] },
    { time_ms: ['a', 'b'], value: [1, 2] },
  ])
    expect(readEvidence({ trend }).trends).toEqual([]);
});

test('a missing value breaks the line', () => {
  const trend = { signal_id: null, name: 'x', unit: '', time_ms: [0, 1, 2, 3], value: [1, null, 2, 3], limit: null };
  expect(trendPath(trend, 300, 100).path.match(/M/g)).toHaveLength(2);
});
