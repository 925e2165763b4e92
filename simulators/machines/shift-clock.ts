import type { PlantShift } from '../../core/plant/plant-document.ts';

/** What a site's calendar says about one moment. */
export interface ShiftMoment {
  /** False outside shifts and in their breaks. */
  working: boolean;
  /** Local hour of the day with its fraction, for the warmth of the hall. */
  hour: number;
}

const weekdayNumbers: Record<string, number> = { Mon: 1, Tue: 2, Wed: 3, Thu: 4, Fri: 5, Sat: 6, Sun: 7 };

/**
 * A site's shift calendar as a question: is anyone working now? A site without shifts works always. Asked for rising
 * times, it looks the zone's clock up once a minute (a formatter call costs about 2 µs, and 236 machines ask).
 */
export function createShiftClock(timeZone: string, shifts: readonly PlantShift[]): (timeMs: number) => ShiftMoment {
  const format = new Intl.DateTimeFormat('en-US', {
    timeZone,
    weekday: 'short',
    hour: '2-digit',
    minute: '2-digit',
    hourCycle: 'h23',
  });
  let lastMinute = Number.NaN;
  let last: ShiftMoment = { working: true, hour: 12 };

  return (timeMs) => {
    const minute = Math.floor(timeMs / 60_000);
    if (minute === lastMinute) return last;
    lastMinute = minute;
    const parts = Object.fromEntries(format.formatToParts(timeMs).map((part) => [part.type, part.value]));
    const ofDay = Number(parts['hour']) * 60 + Number(parts['minute']);
    const weekday = weekdayNumbers[parts['weekday'] ?? ''] ?? 1;
    last = {
      working: shifts.length === 0 || shifts.some((shift) => isWorking(shift, weekday, ofDay)),
      hour: ofDay / 60,
    };
    return last;
  };
}

function isWorking(shift: PlantShift, weekday: number, minuteOfDay: number): boolean {
  const start = minutes(shift.start);
  const length = (minutes(shift.end) - start + 1440) % 1440 || 1440;
  const into = (minuteOfDay - start + 1440) % 1440;
  // A minute before the start of day belongs to the shift that began yesterday.
  const startedOn = minuteOfDay >= start ? weekday : ((weekday + 5) % 7) + 1;
  if (into >= length || !shift.weekdays.includes(startedOn)) return false;
  return !shift.breaks.some((pause) => {
    const from = (minutes(pause.start) - start + 1440) % 1440;
    const to = (minutes(pause.end) - start + 1440) % 1440 || 1440;
    return into >= from && into < to;
  });
}

function minutes(clockTime: string): number {
  return Number(clockTime.slice(0, 2)) * 60 + Number(clockTime.slice(3, 5));
}
