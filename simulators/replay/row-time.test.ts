import { describe, expect, it } from 'vitest';
import { createTimeReader } from './row-time.ts';

describe('the time of a row', () => {
  it.each([
    ['UTC', '2020-03-09 10:14:33', '2020-03-09T10:14:33Z'],
    ['UTC', '2020-03-09T10:14:33.120450', '2020-03-09T10:14:33.120450Z'],
    ['UTC', '2020-03-09', '2020-03-09T00:00:00Z'],
    ['UTC', '2020-03-09 10:14', '2020-03-09T10:14:00Z'],
    ['UTC', '9.3.2020 10:14:33', '2020-03-09T10:14:33Z'],
    ['UTC', '1583748873', '2020-03-09T10:14:33Z'],
    ['UTC', '1583748873.25', '2020-03-09T10:14:33.25Z'],
    ['UTC', '1583748873250', '2020-03-09T10:14:33.250Z'],
    ['Europe/Berlin', '2020-03-09T10:14:33Z', '2020-03-09T10:14:33Z'],
    ['Europe/Berlin', '2020-03-09T10:14:33+0530', '2020-03-09T04:44:33Z'],
    ['Europe/Berlin', '2020-03-09 10:14:33', '2020-03-09T09:14:33Z'],
    ['Europe/Berlin', '2020-07-09 10:14:33', '2020-07-09T08:14:33Z'],
    ['Asia/Kolkata', '2020-07-09 10:14:33', '2020-07-09T04:44:33Z'],
    ['America/New_York', '2020-07-09 22:14:33', '2020-07-10T02:14:33Z'],
    // The clocks go back at 3:00 on 25 October 2020: half past two comes twice, the first is meant.
    ['Europe/Berlin', '2020-10-25 02:30:00', '2020-10-25T00:30:00Z'],
    ['Europe/Berlin', '2020-10-25 03:00:00', '2020-10-25T02:00:00Z'],
    ['Europe/Berlin', '2020-10-25 01:59:59', '2020-10-24T23:59:59Z'],
    // They go forward at 2:00 on 29 March 2020: half past two does not exist.
    ['Europe/Berlin', '2020-03-29 02:30:00', '2020-03-29T01:30:00Z'],
    ['Europe/Berlin', '2020-03-29 03:00:00', '2020-03-29T01:00:00Z'],
    ['Europe/Berlin', '2020-03-29 01:59:59', '2020-03-29T00:59:59Z'],
  ])('in %s, %s is %s', (zone, text, expected) => {
    const time = createTimeReader(zone)(text);
    expect(time?.text).toBe(expected);
    expect(time?.ms).toBeCloseTo(Date.parse(expected), -0.5);
  });

  it.each(['', 'yesterday', '2020-02-31 10:00:00', '2020-13-01', '2020-03-09 25:00:00', '10:14:33', '42'])(
    '"%s" is none',
    (text) => {
      expect(createTimeReader('UTC')(text)).toBeUndefined();
    },
  );

  it('shifts by whole seconds and keeps the fraction', () => {
    expect(createTimeReader('UTC')('2020-03-09 10:14:33.5', 3600)?.text).toBe('2020-03-09T11:14:33.5Z');
  });
});
