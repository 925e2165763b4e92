import type { Protocol } from '../../core/reading.ts';
import { protocols } from '../../core/reading.ts';
import type { ParkedReading, RejectedReading } from '../receive/receiver.ts';
import type { JournaledIntake } from './record.ts';

/** The head of a record's payload (format.md). */
export type Head =
  | { kind: 'intake'; received_at_ms: number; sources: SourceHead[] }
  | { kind: 'backfill'; protocol: Protocol; address: string }
  | { kind: 'replay' };

type SourceHead = Omit<JournaledIntake, 'live' | 'historical' | 'parked' | 'rejected'> & {
  live: number;
  historical: number;
  parked: (Omit<ParkedReading, 'value'> & { value: JsonNumber })[];
  rejected: (Omit<RejectedReading, 'value' | 'time_us' | 'payload'> & {
    value: JsonNumber;
    time_us: JsonNumber;
    payload: number | null;
  })[];
};

/** JSON has no NaN, no infinities and no -0; the first means "none" here and the others must come back as they were. */
export type JsonNumber = number | 'Infinity' | '-Infinity' | '-0' | null;

type Check = (value: unknown) => boolean;
type Shape = Record<string, Check>;

const isNumber: Check = (value) => typeof value === 'number';
const isText: Check = (value) => typeof value === 'string';
const isCount: Check = (value) => Number.isSafeInteger(value) && (value as number) >= 0;
/** By a clock between 1970 and 2096: any other comes of damage, and may be a minute that no database can hold. */
const isReceipt: Check = (value) => typeof value === 'number' && value >= 0 && value < 4e12;
const isProtocol: Check = (value) => protocols.includes(value as Protocol);
const isJsonNumber: Check = (value) =>
  value === null || typeof value === 'number' || value === 'Infinity' || value === '-Infinity' || value === '-0';
const isFlag: Check = (value) => typeof value === 'boolean';
const orNull =
  (check: Check): Check =>
  (value) =>
    value === null || check(value);
const orMissing =
  (check: Check): Check =>
  (value) =>
    value === undefined || check(value);
const listOf =
  (shape: Shape): Check =>
  (value) =>
    Array.isArray(value) && value.every((item) => misfit(item, shape) === undefined);

const source: Shape = {
  protocol: isProtocol,
  name: isText,
  received: isCount,
  lost_upstream: isCount,
  untimed: isCount,
  dropped: isCount,
  live: isCount,
  historical: isCount,
  texts: listOf({ signal_id: isNumber, time_us: isNumber, text: isText, quality: isNumber, historical: isFlag }),
  parked: listOf({
    address: isText,
    time_us: isNumber,
    value: isJsonNumber,
    text: orNull(isText),
    quality: isNumber,
  }),
  rejected: listOf({
    readings: isCount,
    address: isText,
    reason: isText,
    detail: isText,
    signal_id: orNull(isNumber),
    time_us: isJsonNumber,
    value: isJsonNumber,
    payload: orNull(isCount),
    quality: orMissing(isNumber),
    cut: orMissing(isFlag),
  }),
};

const heads: Record<Head['kind'], Shape> = {
  intake: { received_at_ms: isReceipt, sources: listOf(source) },
  backfill: { protocol: isProtocol, address: isText },
  replay: {},
};

/**
 * The head when the store can take it, whatever wrote it: throws at a kind that is not known and at a field of another
 * form, because what the store stumbles over later stops everything behind it.
 */
export function checkHead(head: unknown): Head {
  const kind = (head as { kind?: unknown } | null)?.kind;
  const shape = Object.hasOwn(heads, String(kind)) ? heads[kind as Head['kind']] : undefined;
  if (shape === undefined) throw new Error(`The record is of the kind ${JSON.stringify(kind)}, which is not known.`);
  const wrong = misfit(head, shape);
  if (wrong !== undefined) throw new Error(`The field "${wrong}" of the record has a form that is not known.`);
  return head as Head;
}

/** The first field that is not as the shape says. */
function misfit(value: unknown, shape: Shape): string | undefined {
  if (typeof value !== 'object' || value === null) return '';
  for (const field in shape) if (shape[field]?.((value as Record<string, unknown>)[field]) !== true) return field;
  return undefined;
}
