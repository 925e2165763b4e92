const formats = new Map<string, Intl.DateTimeFormat>();

/** Minutes east of UTC that a zone's clocks are at an instant (negative in America). */
function offsetMs(zone: string, utcMs: number): number {
  let format = formats.get(zone);
  if (format === undefined) {
    format = new Intl.DateTimeFormat('en-US', {
      timeZone: zone,
      hourCycle: 'h23',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
    });
    formats.set(zone, format);
  }
  const part: Record<string, number> = {};
  for (const { type, value } of format.formatToParts(utcMs)) part[type] = Number(value);
  const local = Date.UTC(
    part['year'] ?? 0,
    (part['month'] ?? 1) - 1,
    part['day'] ?? 1,
    part['hour'] ?? 0,
    part['minute'] ?? 0,
    part['second'] ?? 0,
  );
  return local - Math.floor(utcMs / 1000) * 1000;
}

/**
 * The instant (ms since the epoch) at which the clocks of an IANA zone show a local date and minute of the day. A time
 * that a change to summer time skips is taken as much later as the clocks were moved; of a time that comes twice in
 * autumn the first is taken. Both as Temporal's "compatible" rule has it.
 */
export function zonedTimeToUtc(zone: string, date: string, minuteOfDay: number): number {
  const local = Date.parse(`${date}T00:00:00Z`) + minuteOfDay * 60_000;
  const day = 86_400_000;
  const before = offsetMs(zone, local - day);
  const after = offsetMs(zone, local + day);
  // With the offset from before a change, a skipped time falls behind the change and a doubled one on its first coming.
  for (const offset of before === after ? [before] : [before, after]) {
    const utc = local - offset;
    if (offsetMs(zone, utc) === offset) return utc;
  }
  return local - before;
}

/** The local date (`2026-03-29`) in a zone at an instant. */
export function localDate(zone: string, utcMs: number): string {
  return isoDate(utcMs + offsetMs(zone, utcMs));
}

/** A date `days` later. */
export function addDays(date: string, days: number): string {
  return isoDate(Date.parse(`${date}T00:00:00Z`) + days * 86_400_000);
}

/** ISO weekday of a date, 1 = Monday. */
export function weekday(date: string): number {
  return ((Math.floor(Date.parse(`${date}T00:00:00Z`) / 86_400_000) + 3) % 7) + 1;
}

function isoDate(ms: number): string {
  return new Date(ms).toISOString().slice(0, 10);
}
