import { describe, expect, it } from 'vitest';
import { expandShifts, type Shift } from './expand-shifts.ts';
import { zonedTimeToUtc } from './local-date.ts';

const night: Shift = {
  shift_id: 3,
  organization_id: 1,
  site_id: 1,
  time_zone: 'Europe/Berlin',
  weekdays: [1, 2, 3, 4, 5, 6, 7],
  start_time: '22:00:00',
  end_time: '06:00:00',
  breaks: [{ start: '01:00', end: '01:30' }],
  day_starts: '06:00:00',
};

function on(shift: Shift, date: string): { start: string; end: string; hours: number } {
  const noon = Date.parse(`${date}T12:00:00Z`);
  const found = expandShifts([shift], noon - 86_400_000, noon + 2 * 86_400_000).find(
    (one) => one.production_date === date,
  );
  if (found === undefined) throw new Error(`no shift on ${date}`);
  return {
    start: new Date(found.started_ms).toISOString().slice(0, 16),
    end: new Date(found.ended_ms).toISOString().slice(0, 16),
    hours: (found.ended_ms - found.started_ms) / 3_600_000,
  };
}

describe('a night shift 22:00-06:00 over a change of the clocks', () => {
  it.each([
    ['Europe/Berlin', '2025-03-29', '2025-03-29T21:00', '2025-03-30T04:00', 7],
    ['Europe/Berlin', '2025-10-25', '2025-10-25T20:00', '2025-10-26T05:00', 9],
    ['America/New_York', '2025-03-08', '2025-03-09T03:00', '2025-03-09T10:00', 7],
    ['America/New_York', '2025-11-01', '2025-11-02T02:00', '2025-11-02T11:00', 9],
    ['Asia/Kolkata', '2025-03-29', '2025-03-29T16:30', '2025-03-30T00:30', 8],
  ])('%s on %s', (time_zone, date, start, end, hours) => {
    expect(on({ ...night, time_zone }, date)).toEqual({ start, end, hours });
  });
});

describe('the calendar', () => {
  it('starts a shift only on its weekdays, by the day on which it starts', () => {
    const friday = { ...night, weekdays: [5] };
    const from = Date.parse('2026-03-02T00:00Z');
    expect(expandShifts([friday], from, from + 7 * 86_400_000).map((one) => one.production_date)).toEqual([
      '2026-03-06',
    ]);
  });

  it('puts a break after midnight on the next day', () => {
    const [instance] = expandShifts([night], Date.parse('2026-03-02T22:00Z'), Date.parse('2026-03-02T23:00Z'));
    expect(instance?.breaks).toEqual([
      { started_ms: Date.parse('2026-03-03T00:00Z'), ended_ms: Date.parse('2026-03-03T00:30Z') },
    ]);
  });

  it('counts a shift that starts before the first of the day to the production day before', () => {
    const small = { ...night, start_time: '00:00:00', end_time: '06:00:00', breaks: [] };
    const [instance] = expandShifts([small], Date.parse('2026-03-03T01:00Z'), Date.parse('2026-03-03T02:00Z'));
    expect(instance?.production_date).toBe('2026-03-02');
  });

  it('finds the shift that began yesterday', () => {
    const at = Date.parse('2026-03-03T03:00Z');
    expect(expandShifts([night], at, at + 1)).toHaveLength(1);
  });

  it('leaves no hole and no overlap over a whole year of three shifts, clock changes included', () => {
    const three = [
      ['06:00:00', '14:00:00'],
      ['14:00:00', '22:00:00'],
      ['22:00:00', '06:00:00'],
    ].map(([start_time = '', end_time = ''], index) => ({
      ...night,
      shift_id: index,
      start_time,
      end_time,
      breaks: [],
    }));
    const all = expandShifts(three, Date.parse('2025-01-01T00:00Z'), Date.parse('2026-01-01T00:00Z')).toSorted(
      (a, b) => a.started_ms - b.started_ms,
    );
    expect(all.length).toBeGreaterThan(3 * 364);
    expect(all.slice(1).map((one) => one.started_ms)).toEqual(all.slice(0, -1).map((one) => one.ended_ms));
  });
});

describe('local times that do not exist or exist twice', () => {
  it('moves a skipped time on by the change', () => {
    expect(new Date(zonedTimeToUtc('Europe/Berlin', '2025-03-30', 150)).toISOString()).toBe('2025-03-30T01:30:00.000Z');
  });
  it('takes the first of a doubled time', () => {
    expect(new Date(zonedTimeToUtc('Europe/Berlin', '2025-10-26', 150)).toISOString()).toBe('2025-10-26T00:30:00.000Z');
  });
});
