import { locale } from './locale.ts';
import { unknownFigure } from './numbers.ts';

const cache = new Map<string, Intl.DateTimeFormat>();

function formatter(zone: string, options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  const key = `${locale()} ${zone} ${JSON.stringify(options)}`;
  let made = cache.get(key);
  if (made === undefined) {
    made = new Intl.DateTimeFormat(locale(), { ...options, timeZone: zone });
    cache.set(key, made);
  }
  return made;
}

/** "10:42" in the zone. `ms` since the Unix epoch, here and below. */
export function formatClock(ms: number | null | undefined, zone: string): string {
  if (ms == null || Number.isNaN(ms)) return unknownFigure;
  return formatter(zone, { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' }).format(ms);
}

/** "10:42:07" in the zone. */
export function formatClockSeconds(ms: number | null | undefined, zone: string): string {
  if (ms == null || Number.isNaN(ms)) return unknownFigure;
  return formatter(zone, { hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23' }).format(ms);
}

/** "20 Nov, 10:42" in the zone, as the locale orders it, or "20 Nov 2025, 10:42". */
export function formatMoment(ms: number | null | undefined, zone: string, withYear = false): string {
  if (ms == null || Number.isNaN(ms)) return unknownFigure;
  return formatter(zone, {
    ...(withYear ? { year: 'numeric' } : {}),
    day: 'numeric',
    month: 'short',
    hour: '2-digit',
    minute: '2-digit',
    hourCycle: 'h23',
  }).format(ms);
}

/** "20 Nov, 10:42 – 11:30": what both ends have in common once, and seconds when it is short. */
export function formatSpan(from: number, to: number, zone: string): string {
  return formatter(zone, {
    day: 'numeric',
    month: 'short',
    hour: '2-digit',
    minute: '2-digit',
    ...(to - from < 600_000 ? { second: '2-digit' } : {}),
    hourCycle: 'h23',
  }).formatRange(from, to);
}

/** The clock time alone for the day of `nowMs` in that zone, the date with it for any other day, and the year for another. */
export function formatRecent(ms: number | null | undefined, zone: string, nowMs: number): string {
  if (ms == null || Number.isNaN(ms)) return unknownFigure;
  const day = formatter(zone, { year: 'numeric', month: '2-digit', day: '2-digit' });
  const year = formatter(zone, { year: 'numeric' });
  if (day.format(ms) === day.format(nowMs)) return formatClock(ms, zone);
  return formatMoment(ms, zone, year.format(ms) !== year.format(nowMs));
}

/** The zone's short name at that moment: "CET", "GMT+5:30". */
export function formatZone(ms: number, zone: string): string {
  const parts = formatter(zone, { timeZoneName: 'short' }).formatToParts(ms);
  return parts.find((part) => part.type === 'timeZoneName')?.value ?? zone;
}

/** How long something has lasted: "34 s", "12:40" under an hour, "3 h 05", "2 d 4 h". */
export function formatElapsed(ms: number | null | undefined): string {
  if (ms == null || !Number.isFinite(ms)) return unknownFigure;
  const seconds = Math.max(0, Math.floor(ms / 1000));
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)}:${two(seconds % 60)}`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)} h ${two(Math.floor((seconds % 3600) / 60))}`;
  return `${Math.floor(seconds / 86_400)} d ${Math.floor((seconds % 86_400) / 3600)} h`;
}

/** How long, in as little room as possible and with one unit: "34s", "12m", "3h", "2d". */
export function formatElapsedShort(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  if (seconds < 60) return `${seconds}s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)}m`;
  return seconds < 86_400 ? `${Math.floor(seconds / 3600)}h` : `${Math.floor(seconds / 86_400)}d`;
}

/** The same without seconds, for what is as it should be: a hundred ticking seconds would be noise. */
export function formatElapsedCalm(ms: number): string {
  const minutes = Math.floor(ms / 60_000);
  return minutes < 1 ? '< 1 min' : minutes < 60 ? `${minutes} min` : formatElapsed(ms);
}

/** A duration in words for a sentence or a table: "45 s", "12 min", "3.4 h", "2.1 d". */
export function formatDuration(seconds: number | null | undefined): string {
  if (seconds == null || !Number.isFinite(seconds)) return unknownFigure;
  const one = (value: number, unit: string, digits: number): string =>
    `${new Intl.NumberFormat(locale(), { maximumFractionDigits: digits }).format(value)} ${unit}`;
  if (seconds < 60) return one(seconds, 's', 0);
  if (seconds < 3600) return one(seconds / 60, 'min', 0);
  if (seconds < 48 * 3600) return one(seconds / 3600, 'h', 1);
  return one(seconds / 86_400, 'd', 1);
}

/** "12 s ago", "4 min ago", "3 h ago", "2 d ago"; moments in the future read "now". */
export function formatAgo(ms: number | null | undefined, nowMs: number): string {
  if (ms == null || Number.isNaN(ms)) return unknownFigure;
  const seconds = Math.floor((nowMs - ms) / 1000);
  if (seconds < 1) return 'now';
  if (seconds < 60) return `${seconds} s ago`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)} h ago`;
  return `${Math.floor(seconds / 86_400)} d ago`;
}

function two(value: number): string {
  return String(value).padStart(2, '0');
}
