import { zoneTime } from '../../core/zone-time.ts';

/** Reads one time from `bytes[from, to)` as microseconds since the Unix epoch; NaN when it cannot be read. */
export type ParseTime = (bytes: Buffer, from: number, to: number) => number;

/** What a time may look like, in words for a message. */
export const acceptedTimes =
  'RFC 3339 such as 2026-03-01T06:00:00.123Z, the same with a blank and without a zone, or seconds, milliseconds, microseconds or nanoseconds since 1970';

const zero = 0x30;

/**
 * Times as files write them: RFC 3339 with T or a blank, with `Z`, an offset, or neither (then local in `zone`), and
 * numbers since 1970 whose size tells their unit. Finer than a microsecond is cut, as the database would. The last day is
 * remembered, because a file is a long run of few days: 35 ns a time, where Date.parse takes 120 ns.
 */
export function createTimeParser(zone = 'UTC'): ParseTime {
  const { toUtc } = zoneTime(zone);
  let lastDay = -1;
  let lastDayMs = 0;

  function dayMs(year: number, month: number, day: number): number {
    const key = (year * 16 + month) * 32 + day;
    if (key !== lastDay) {
      const ms = Date.UTC(year, month - 1, day);
      const date = new Date(ms);
      // Date.UTC takes the 31st of February for the 3rd of March.
      if (date.getUTCMonth() !== month - 1 || date.getUTCDate() !== day) return Number.NaN;
      lastDay = key;
      lastDayMs = ms;
    }
    return lastDayMs;
  }

  return (bytes, from, to) => {
    if (to - from < 16 || (bytes[from + 4] !== 0x2d && bytes[from + 4] !== 0x2f)) return parseEpoch(bytes, from, to);
    const year = twoDigits(bytes, from) * 100 + twoDigits(bytes, from + 2);
    const day = dayMs(year, twoDigits(bytes, from + 5), twoDigits(bytes, from + 8));
    const hours = twoDigits(bytes, from + 11);
    const minutes = twoDigits(bytes, from + 14);
    const separator = bytes[from + 10];
    const isForm =
      bytes[from + 7] === bytes[from + 4] &&
      bytes[from + 13] === 0x3a &&
      (separator === 0x54 || separator === 0x74 || separator === 0x20);
    if (!isForm || !(hours < 24) || !(minutes < 60)) return Number.NaN;
    let at = from + 16;
    let us = (day / 1000 + hours * 3600 + minutes * 60) * 1e6;
    if (bytes[at] === 0x3a) {
      const seconds = twoDigits(bytes, at + 1);
      if (!(seconds < 60) || at + 3 > to) return Number.NaN;
      us += seconds * 1e6;
      at += 3;
      if (bytes[at] === 0x2e || bytes[at] === 0x2c) {
        let unit = 1e5;
        at++;
        for (
          let digit = (bytes[at] ?? 0) - zero;
          at < to && digit >= 0 && digit <= 9;
          digit = (bytes[++at] ?? 0) - zero
        ) {
          if (unit >= 1) us += digit * unit;
          unit /= 10;
        }
      }
    }
    if (at < to && bytes[at] === 0x20) at++;
    if (at >= to) {
      if (Number.isNaN(us)) return us;
      // Whole milliseconds, so that the microseconds stay exact.
      const localMs = Math.floor(us / 1000);
      return us + (toUtc(localMs) - localMs) * 1000;
    }
    if (bytes[at] === 0x5a || bytes[at] === 0x7a) return at + 1 === to ? us : Number.NaN;
    return us - readOffset(bytes, at, to) * 60e6;
  };
}

/** Minutes of an offset such as +01:00, +0100 or +01. */
function readOffset(bytes: Buffer, at: number, to: number): number {
  const sign = bytes[at] === 0x2b ? 1 : bytes[at] === 0x2d ? -1 : Number.NaN;
  const hours = twoDigits(bytes, at + 1);
  if (at + 3 === to) return sign * hours * 60;
  const minutesAt = bytes[at + 3] === 0x3a ? at + 4 : at + 3;
  return minutesAt + 2 === to ? sign * (hours * 60 + twoDigits(bytes, minutesAt)) : Number.NaN;
}

function twoDigits(bytes: Buffer, at: number): number {
  const tens = (bytes[at] ?? 0) - zero;
  const ones = (bytes[at + 1] ?? 0) - zero;
  return tens >= 0 && tens <= 9 && ones >= 0 && ones <= 9 ? tens * 10 + ones : Number.NaN;
}

/** A number since 1970: up to 1e11 seconds (year 5138), 1e14 milliseconds, 1e17 microseconds, above nanoseconds. */
function parseEpoch(bytes: Buffer, from: number, to: number): number {
  const text = bytes.toString('latin1', from, to);
  const parts = /^(-?)(\d{1,19})(?:\.(\d*))?$/.exec(text);
  if (parts === null) return Number.NaN;
  const whole = BigInt(parts[2] ?? '0');
  const exponent =
    whole < 100_000_000_000n ? 6 : whole < 100_000_000_000_000n ? 3 : whole < 100_000_000_000_000_000n ? 0 : -3;
  const fraction = (parts[3] ?? '').padEnd(9, '0').slice(0, Math.max(0, exponent));
  const us =
    exponent < 0 ? Number(whole / 1000n) : Number(whole) * 10 ** exponent + Number(fraction === '' ? 0 : fraction);
  return parts[1] === '-' ? -us : us;
}
