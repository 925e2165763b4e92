import { expect, test } from 'vitest';
import { closingLines } from './closing-line.ts';

test('the last line stands alone and counts; skipped tests stand before it by name', () => {
  const outcome = {
    passed: 12,
    failed: 0,
    skipped: ['skipped: a.test.ts > reads (skipped: mosquitto is not installed)'],
  };
  expect(closingLines(outcome, 0)).toBe(
    'skipped: a.test.ts > reads (skipped: mosquitto is not installed)\n12 passed, 0 failed, 1 skipped\n',
  );
});

test('a run that failed never says that nothing failed', () => {
  expect(closingLines({ passed: 0, failed: 0, skipped: [] }, 1)).toBe('0 passed, 1 failed, 0 skipped\n');
  expect(closingLines({ passed: 3, failed: 2, skipped: [] }, 1)).toBe('3 passed, 2 failed, 0 skipped\n');
});
