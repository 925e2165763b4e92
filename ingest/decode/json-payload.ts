import { isUtf8 } from 'node:buffer';
import { Quality, type RejectReason } from '../../core/reading.ts';
import { show, type WireValue } from '../resolve/signal-value.ts';
import { readMilliseconds, readTimestamp } from './reading-time.ts';

/** Where decoded readings go, one call each; nothing is allocated for a reading. */
export interface PayloadSink {
  /** `name` is the signal's name in a machine-level payload, '' in a signal-level one. `timeUs` NaN: no source time. */
  reading(name: string, timeUs: number, value: WireValue, quality: number): void;
  rejected(name: string, reason: RejectReason, detail: string): void;
  /**
   * Told of a message that may hold several readings, before they come. `own` answers the message that the present reading
   * alone would have been, for the signal `name`; null when there is nothing shorter than the message itself, when that
   * would be too long or is nested too deeply to be written, and when the parts of this message are as long as itself.
   */
  several?(own: (name: string) => Buffer | null): void;
}

/** Larger messages are kept as rejected without being parsed: 16 MB of JSON hold the process for a quarter of a second. */
export const largestPayload = 16 * 1024 * 1024;

/** Larger messages are not taken apart for their rejections: writing a part of it a hundred times takes 0.2 s for 1 MB. */
const mostToTakeApart = 1024 * 1024;
/** What the journal keeps of a rejected payload: longer ones are cut there, and a part of a message is of no use. */
export const mostKeptBytes = 64 * 1024;

/** TC39 JSON.parse source text access, as the reviver below; the types do not know it yet. */
const { rawJSON: rawJson } = JSON as unknown as { rawJSON(text: string): unknown };

const qualities = new Map<unknown, number>([
  ['good', Quality.good],
  ['uncertain', Quality.uncertain],
  ['bad', Quality.bad],
]);

/**
 * Decodes the payload of a signal's topic (`{"ts", "value", "quality"?}` or an array of these) or, with `machineLevel`,
 * of a machine's topic (`{"ts", "values": {…}, "quality"?}` or an array). What is wrong goes to `rejected`, one call for
 * each reading that is wrong; the good ones of an array are kept. Never throws because of the bytes.
 */
export function decodeJson(payload: Buffer, machineLevel: boolean, sink: PayloadSink): void {
  if (payload.length > largestPayload) {
    sink.rejected('', 'too_large', `The message has ${payload.length} bytes; accepted are up to ${largestPayload}.`);
    return;
  }
  if (!isUtf8(payload)) {
    sink.rejected('', 'malformed_payload', 'The message is not UTF-8; accepted is JSON in UTF-8.');
    return;
  }
  // A byte order mark is what some editors and shells put in front; it means nothing.
  const bom = payload.length >= 3 && payload[0] === 0xef && payload[1] === 0xbb && payload[2] === 0xbf;
  const text = payload.toString('utf8', bom ? 3 : 0);
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch (error) {
    const detail = `The message ${show(text)} is not JSON (${(error as Error).message.slice(0, 120)}); accepted is JSON such as ${example(machineLevel)}.`;
    sink.rejected('', 'malformed_payload', detail);
    return;
  }
  const decode = machineLevel ? decodeMachine : decodeSignal;
  const exact = exactValues(text);
  let present = -1;
  // The item of the array that was written whole; the message itself (-1) stands as it came.
  let written = -1;
  // Every part repeats "ts" and "quality": together they must not become a hundred times the message.
  let room = Math.max(payload.length, mostKeptBytes);
  if (machineLevel || Array.isArray(document))
    sink.several?.((name) => {
      if (payload.length > mostToTakeApart || (name === '' && written === present)) return null;
      if (name === '') written = present;
      const item = Array.isArray(document) ? (document[present] as unknown) : document;
      const own = ownMessage(item, name, () => exact.item(present));
      if (own === null || own.length > Math.min(room, mostKeptBytes)) return null;
      room -= own.length;
      return own;
    });
  if (!Array.isArray(document)) {
    decode(document, sink, exact, -1);
    return;
  }
  if (document.length === 0) {
    sink.rejected(
      '',
      'malformed_payload',
      `The message is an array without a reading; accepted is ${example(machineLevel)}.`,
    );
    return;
  }
  for (; ++present < document.length; ) decode(document[present], sink, exact, present);
}

function decodeSignal(item: unknown, sink: PayloadSink, exact: ExactValues, index: number): void {
  if (!isObject(item) || !('value' in item)) {
    const reason = isObject(item) && !('values' in item) ? 'missing_value' : 'malformed_payload';
    sink.rejected('', reason, `The reading is ${describe(item)} without "value"; accepted is ${example(false)}.`);
    return;
  }
  const time = readTime(item['ts']);
  const quality = readQuality(item['quality']);
  if (typeof time === 'string') sink.rejected('', 'wrong_time', time);
  else if (typeof quality === 'string') sink.rejected('', 'wrong_quality', quality);
  else addValue('', item['value'], time, quality, sink, exact, index);
}

function decodeMachine(item: unknown, sink: PayloadSink, exact: ExactValues, index: number): void {
  const values = isObject(item) ? item['values'] : undefined;
  if (!isObject(item) || !isObject(values)) {
    sink.rejected(
      '',
      'malformed_payload',
      `The message is ${describe(item)} without an object "values"; accepted on a machine's topic is ${example(true)}.`,
    );
    return;
  }
  const time = readTime(item['ts']);
  const quality = readQuality(item['quality']);
  const names = Object.keys(values);
  if (names.length === 0) {
    sink.rejected(
      '',
      'malformed_payload',
      `The object "values" is empty; accepted on a machine's topic is ${example(true)}.`,
    );
  }
  for (const name of names) {
    if (name === '' || name.includes('/')) {
      sink.rejected('', 'wrong_topic', `The signal's name is ${show(name)}; accepted is a name without "/".`);
    } else if (typeof time === 'string') sink.rejected(name, 'wrong_time', time);
    else if (typeof quality === 'string') sink.rejected(name, 'wrong_quality', quality);
    else addValue(name, values[name], time, quality, sink, exact, index);
  }
}

function addValue(
  name: string,
  value: unknown,
  timeUs: number,
  quality: number,
  sink: PayloadSink,
  exact: ExactValues,
  index: number,
): void {
  if (typeof value === 'number') {
    if (!Number.isFinite(value)) addOverflow(name, sink, exact, index);
    else if (Number.isSafeInteger(value) || !Number.isInteger(value)) sink.reading(name, timeUs, value, quality);
    else addHugeNumber(name, timeUs, quality, sink, exact, index);
  } else if (typeof value === 'boolean' || typeof value === 'string' || value === null) {
    sink.reading(name, timeUs, value, quality);
  } else {
    sink.rejected(name, 'not_a_number', `The value is ${describe(value)}; accepted is a number, a boolean or a text.`);
  }
}

/** 1e999 is JSON, and JSON.parse has made infinity of it: the sentence needs the text as received. */
function addOverflow(name: string, sink: PayloadSink, exact: ExactValues, index: number): void {
  const written = exact.value(index, name);
  const text = written instanceof Overflow ? written.text : String(written ?? 'a number');
  sink.rejected(
    name,
    'out_of_range',
    `The value is ${text.length > 80 ? `${text.slice(0, 77)}…` : text}; accepted is a number of magnitude up to 1.797e308.`,
  );
}

/** JSON.parse has rounded a whole number beyond 2^53: its digits decide whether that changed it. */
function addHugeNumber(
  name: string,
  timeUs: number,
  quality: number,
  sink: PayloadSink,
  exact: ExactValues,
  index: number,
): void {
  const value = exact.value(index, name);
  if (typeof value === 'number' || typeof value === 'bigint') sink.reading(name, timeUs, value, quality);
  else
    sink.rejected(
      name,
      'inexact_number',
      'The value is a whole number beyond 2^53 in a message nested too deeply to read its digits; accepted is a flatter message.',
    );
}

/** µs since the epoch, NaN when there is no time, or a sentence when it cannot be read. */
function readTime(ts: unknown): number | string {
  if (typeof ts === 'number') return Number.isFinite(ts) ? readMilliseconds(ts) : wrongTime(ts);
  if (ts === undefined || ts === null) return Number.NaN;
  const time = typeof ts === 'string' ? readTimestamp(ts) : undefined;
  return time ?? wrongTime(ts);
}

function wrongTime(ts: unknown): string {
  return `The time "ts" is ${describe(ts)}; accepted is milliseconds since 1970 or RFC 3339 with an offset, such as "2026-03-01T08:15:30.123456Z".`;
}

function readQuality(quality: unknown): number | string {
  if (quality === undefined) return Quality.good;
  return qualities.get(quality) ?? `The quality is ${describe(quality)}; accepted is "good", "uncertain" or "bad".`;
}

/** The message with whole numbers beyond 2^53 as bigint; undefined when that cannot be found out. */
interface ExactValues {
  /** The reading at `index` of the array, or the message itself for -1. */
  item(index: number): unknown;
  value(index: number, name: string): number | bigint | Overflow | undefined;
}

/** The text of a number that float8 cannot hold. */
class Overflow {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
}

/** Parses the text once more, with the digits of huge numbers, when the first one is met. */
function exactValues(text: string): ExactValues {
  let document: unknown;
  let isParsed = false;
  function item(index: number): unknown {
    if (!isParsed) {
      isParsed = true;
      try {
        document = parseExactly(text);
      } catch {
        // The reviver walks recursively: ten thousand levels beside the value overflow the stack, this time and every time.
      }
    }
    return index === -1 ? document : (document as unknown[] | undefined)?.[index];
  }
  return {
    item,
    value(index, name) {
      const found = item(index) as Record<string, unknown> | undefined;
      const value = name === '' ? found?.['value'] : (found?.['values'] as Record<string, unknown> | undefined)?.[name];
      return value as number | bigint | Overflow;
    },
  };
}

/**
 * One reading of a message as a message of its own, with every digit: `exact` answers the same item with those that
 * JSON.parse has rounded, and costs five times the parsing of the message. Null when "ts" or "quality" are too long for it.
 */
function ownMessage(item: unknown, name: string, exact: () => unknown): Buffer | null {
  const values = name === '' || !isObject(item) ? undefined : item['values'];
  let own = item;
  if (isObject(item) && isObject(values)) {
    const { ts, quality } = item;
    if (!isShort(ts) || !isShort(quality)) return null;
    own = { ts, quality, values: { [name]: values[name] } };
  }
  let isRounded = false;
  try {
    const text = JSON.stringify(own, (_key, value: unknown) => {
      if (typeof value === 'bigint') return rawJson(String(value));
      if (value instanceof Overflow) return rawJson(value.text);
      if (typeof value === 'number' && !Number.isSafeInteger(value) && !hasFraction(value)) isRounded = true;
      return Object.is(value, -0) ? rawJson('-0') : value;
    });
    if (isRounded && item !== exact()) return ownMessage(exact(), name, exact);
    return text === undefined ? null : Buffer.from(text);
  } catch {
    // Nested too deeply to be written.
    return null;
  }
}

/** No time and no quality is longer; what is longer has any length, and would be written once for each name. */
function isShort(value: unknown): boolean {
  if (value instanceof Overflow) return isShort(value.text);
  return typeof value === 'string' ? value.length <= 100 : typeof value !== 'object' || value === null;
}

const hasFraction = (value: number): boolean => Number.isFinite(value) && !Number.isInteger(value);

function parseExactly(text: string): unknown {
  // Node 24 hands the reviver the source text of each number (TC39 JSON.parse source text access).
  const reviver = (_key: string, value: unknown, context?: { source?: string }): unknown => {
    const source = context?.source;
    if (typeof value !== 'number' || source === undefined || Number.isSafeInteger(value)) return value;
    if (!Number.isFinite(value)) return new Overflow(source);
    return source.length <= 400 && /^-?\d+$/.test(source) ? BigInt(source) : value;
  };
  return JSON.parse(text, reviver as (key: string, value: unknown) => unknown);
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** A value for a sentence. Objects are not written out: they may be deep enough to overflow the stack. */
function describe(value: unknown): string {
  if (value === undefined) return 'missing';
  if (Array.isArray(value)) return `an array of ${value.length}`;
  return typeof value === 'object' && value !== null ? 'an object' : show(value);
}

const example = (machineLevel: boolean): string =>
  machineLevel ? '{"ts": 1772352930123, "values": {"temperature": 21.5}}' : '{"ts": 1772352930123, "value": 21.5}';
