import { addDays, localDate, weekday, zonedTimeToUtc } from './local-date.ts';

/** A shift of the calendar, in the site's local time. */
export interface Shift {
  shift_id: number;
  organization_id: number;
  site_id: number;
  time_zone: string;
  /** ISO weekdays of the day on which the shift starts. */
  weekdays: readonly number[];
  /** Local times `HH:MM[:SS]`. An end not after the start is on the next day. */
  start_time: string;
  end_time: string;
  breaks: readonly { start: string; end: string }[];
  /** Start of the site's first shift of the day: what starts before it still belongs to the production day before. */
  day_starts: string;
}

/** A shift on one day, as instants in ms since the epoch. */
export interface ShiftInstance {
  shift_id: number;
  organization_id: number;
  site_id: number;
  production_date: string;
  started_ms: number;
  ended_ms: number;
  breaks: { started_ms: number; ended_ms: number }[];
}

/** All instances of `shifts` that overlap [fromMs, toMs). */
export function expandShifts(shifts: readonly Shift[], fromMs: number, toMs: number): ShiftInstance[] {
  const instances: ShiftInstance[] = [];
  for (const shift of shifts) {
    const last = localDate(shift.time_zone, toMs);
    for (let date = addDays(localDate(shift.time_zone, fromMs), -1); date <= last; date = addDays(date, 1)) {
      if (!shift.weekdays.includes(weekday(date))) continue;
      const instance = instanceOn(shift, date);
      if (instance.ended_ms > fromMs && instance.started_ms < toMs) instances.push(instance);
    }
  }
  return instances;
}

function instanceOn(shift: Shift, date: string): ShiftInstance {
  const { time_zone: zone } = shift;
  const start = minuteOf(shift.start_time);
  const end = minuteOf(shift.end_time);
  const at = (minute: number, nextDay: boolean): number =>
    zonedTimeToUtc(zone, nextDay ? addDays(date, 1) : date, minute);
  const started_ms = at(start, false);
  const ended_ms = at(end, end <= start);
  const breaks = shift.breaks.map(({ start: from, end: to }) => {
    const fromMinute = minuteOf(from);
    const toMinute = minuteOf(to);
    const fromNextDay = fromMinute < start;
    return {
      started_ms: Math.max(started_ms, at(fromMinute, fromNextDay)),
      ended_ms: Math.min(ended_ms, at(toMinute, fromNextDay || toMinute <= fromMinute)),
    };
  });
  return {
    shift_id: shift.shift_id,
    organization_id: shift.organization_id,
    site_id: shift.site_id,
    production_date: minuteOf(shift.start_time) < minuteOf(shift.day_starts) ? addDays(date, -1) : date,
    started_ms,
    ended_ms,
    breaks: breaks.filter((pause) => pause.ended_ms > pause.started_ms),
  };
}

function minuteOf(time: string): number {
  const [hours = '0', minutes = '0'] = time.split(':');
  return Number(hours) * 60 + Number(minutes);
}
