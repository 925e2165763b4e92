import { expect, test } from 'vitest';
import { faultTable } from './fault-table.ts';

test('each record is a line, failures are marked, and the last line is the sum', () => {
  const record = {
    engine: 'postgres',
    runs: 6,
    sent: 12_000,
    acknowledged: 11_900,
    stored: 11_899,
    lost: 1,
    doubled: 0,
  };
  const calm = { ...record, fault: 'disk full', runs: 1, stored: 11_900, lost: 0, peak_mb: 120 };
  expect(
    faultTable([
      { ...record, fault: 'kill -9', passed: false },
      { ...calm, passed: true },
    ]),
  ).toBe(
    [
      'fault            engine    runs    sent  acknowledged  stored  lost  doubled  peak MB',
      'FAILED: kill -9  postgres     6  12,000        11,900  11,899     1        0',
      'disk full        postgres     1  12,000        11,900  11,900     0        0      120',
      'all                           7  24,000        23,800  23,799     1        0      120',
    ].join('\n'),
  );
});
