import { zoneTime } from '../../core/zone-time.ts';

/** The time of a row: as RFC 3339 in UTC with every digit of the fraction that the file has, and in milliseconds for pacing. */
export interface RowTime {
  text: string;
  ms: number;
}

const dateTime = /^(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d+))?)?)?\s*(Z|[+-]\d\d:?\d\d)?$/i;
const european = /^(\d\d?)\.(\d\d?)\.(\d{4})(?: (\d\d?):(\d\d)(?::(\d\d)(?:[.,](\d+))?)?)?$/;

/**
 * Reads times as files have them: `2020-03-09 10:14:33.5`, with T, with an offset or Z, `9.3.2020 10:14`, seconds or
 * milliseconds since 1970. Times without an offset are local ones of `zone`; of the two that exist when clocks go back
 * the first is meant, and one that is skipped when they go forward counts on from the old offset. Undefined for
 * anything else. `shiftSeconds` is added.
 */
export function createTimeReader(zone: string): (text: string, shiftSeconds?: number) => RowTime | undefined {
  const { toUtc } = zoneTime(zone);

  return (text, shiftSeconds = 0) => {
    if (/^\d{9,13}(\.\d+)?$/.test(text)) return fromEpoch(text, shiftSeconds);
    const iso = dateTime.exec(text);
    const parts = iso ?? reorder(european.exec(text));
    if (parts === null) return undefined;
    const [, year, month, day, hour = '0', minute = '0', second = '0', fraction = '', offset] = parts;
    const local = Date.UTC(Number(year), Number(month) - 1, Number(day), Number(hour), Number(minute), Number(second));
    // Date.UTC turns the 31st of February into March; such a row is wrong, not early.
    if (!isSame(local, [month, day, hour, minute, second])) return undefined;
    const utc = offset === undefined ? toUtc(local) : local - readOffset(offset);
    return format(utc / 1000 + shiftSeconds, fraction);
  };
}

function reorder(match: RegExpExecArray | null): (string | undefined)[] | null {
  if (match === null) return null;
  const [whole, day, month, year, ...rest] = match;
  return [whole, year, month, day, ...rest];
}

function isSame(ms: number, [month, day, hour, minute, second]: (string | undefined)[]): boolean {
  const date = new Date(ms);
  return (
    date.getUTCMonth() + 1 === Number(month) &&
    date.getUTCDate() === Number(day) &&
    date.getUTCHours() === Number(hour) &&
    date.getUTCMinutes() === Number(minute) &&
    date.getUTCSeconds() === Number(second)
  );
}

function fromEpoch(text: string, shiftSeconds: number): RowTime {
  const [whole = '', fraction = ''] = text.split('.');
  // Eleven digits of seconds are beyond the year 5000, so that longer numbers are milliseconds.
  if (whole.length <= 11) return format(Number(whole) + shiftSeconds, fraction);
  return format(Number(whole.slice(0, -3)) + shiftSeconds, whole.slice(-3) + fraction);
}

function format(seconds: number, fraction: string): RowTime {
  const text = new Date(seconds * 1000).toISOString().slice(0, 19);
  const ms = seconds * 1000 + Number(`0.${fraction || '0'}`) * 1000;
  return { text: fraction === '' ? `${text}Z` : `${text}.${fraction}Z`, ms };
}

function readOffset(text: string): number {
  if (text.toUpperCase() === 'Z') return 0;
  const minutes = Number(text.slice(1, 3)) * 60 + Number(text.slice(-2));
  return (text.startsWith('-') ? -minutes : minutes) * 60_000;
}
