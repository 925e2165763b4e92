const pattern = /^(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d):(\d\d)(?:\.(\d{1,30}))?(?:([Zz])|([+-])(\d\d):(\d\d))$/;

/**
 * An RFC 3339 time as whole microseconds since the Unix epoch, or undefined when it is none. Digits beyond microseconds
 * are cut off (PostgreSQL keeps no more); a leap second counts as the second after it; a time without an offset is none,
 * because nobody could say when it was.
 */
export function readTimestamp(text: string): number | undefined {
  if (text.length > 64) return undefined;
  const match = pattern.exec(text);
  if (match === null) return undefined;
  const [, years = '', months = '', days = '', hours = '', minutes = '', seconds = '', fraction = ''] = match;
  const [year, month, day, hour, minute, second] = [years, months, days, hours, minutes, seconds].map(Number) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  if (month < 1 || month > 12 || day < 1 || day > daysInMonth(year, month)) return undefined;
  if (hour > 23 || minute > 59 || second > 60) return undefined;
  let offsetMinutes = 0;
  if (match[8] === undefined) {
    const [offsetHour, offsetMinute] = [Number(match[10]), Number(match[11])];
    if (offsetHour > 23 || offsetMinute > 59) return undefined;
    offsetMinutes = (match[9] === '-' ? -1 : 1) * (offsetHour * 60 + offsetMinute);
  }
  const seconds1970 = daysSince1970(year, month, day) * 86_400 + hour * 3600 + (minute - offsetMinutes) * 60 + second;
  return seconds1970 * 1_000_000 + Number(fraction.slice(0, 6).padEnd(6, '0'));
}

/** Milliseconds since the epoch, with fractions, as whole microseconds; NaN and infinities come back as they are. */
export function readMilliseconds(ms: number): number {
  return Math.round(ms * 1000);
}

function daysInMonth(year: number, month: number): number {
  if (month === 2) return (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0 ? 29 : 28;
  return month === 4 || month === 6 || month === 9 || month === 11 ? 30 : 31;
}

/** Days between 1970-01-01 and a day of the proleptic Gregorian calendar (Date.UTC reads the years 0 to 99 as 19xx). */
function daysSince1970(year: number, month: number, day: number): number {
  const y = month <= 2 ? year - 1 : year;
  const era = Math.floor(y / 400);
  const yearOfEra = y - era * 400;
  const dayOfYear = Math.floor((153 * (month + (month > 2 ? -3 : 9)) + 2) / 5) + day - 1;
  return (
    era * 146_097 + yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear - 719_468
  );
}
