import { zoneTime } from '../../core/zone-time.ts';

/** The instant (ms since the epoch) at which the clocks of an IANA zone show a local date and minute of the day. */
export function zonedTimeToUtc(zone: string, date: string, minuteOfDay: number): number {
  return zoneTime(zone).toUtc(Date.parse(`${date}T00:00:00Z`) + minuteOfDay * 60_000);
}

/** The local date (`2026-03-29`) in a zone at an instant. */
export function localDate(zone: string, utcMs: number): string {
  return isoDate(utcMs + zoneTime(zone).offsetAt(utcMs));
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
