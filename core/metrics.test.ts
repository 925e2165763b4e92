import { expect, test } from 'vitest';
import { exposeMetrics, histogram } from './metrics.ts';

test('a histogram is one family of the type histogram, with cumulative buckets, sum and count for each set of labels', () => {
  const durations = histogram('test_duration_seconds', 'Durations.', [0.1, 1], { route: 'GET "/"' });
  for (const seconds of [0.05, 0.1, 0.5, 2]) durations.observe(seconds);
  const lines = exposeMetrics()
    .split('\n')
    .filter((line) => line.includes('test_duration_seconds'));
  expect(lines).toEqual([
    '# HELP test_duration_seconds Durations.',
    '# TYPE test_duration_seconds histogram',
    'test_duration_seconds_bucket{route="GET \\"/\\"",le="0.1"} 2',
    'test_duration_seconds_bucket{route="GET \\"/\\"",le="1"} 3',
    'test_duration_seconds_bucket{route="GET \\"/\\"",le="+Inf"} 4',
    'test_duration_seconds_sum{route="GET \\"/\\""} 2.65',
    'test_duration_seconds_count{route="GET \\"/\\""} 4',
  ]);
});
