import { isUsable } from '../../core/reading.ts';
import type { RejectReason, SignalKind } from '../../core/reading.ts';
import { isPackmlState, packmlState } from './packml-states.ts';

/** A value as protocols carry it. */
export type WireValue = number | bigint | boolean | string | null;

export interface ValueProblem {
  reason: RejectReason;
  detail: string;
}

/** Longer texts are no order numbers or product codes, and text values are kept for ever. */
export const maxTextLength = 256;

const wholeText = /^[+-]?\d+$/;
const numberText = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;

/**
 * What is stored for a value of a signal of `kind`: a number (NaN for "no value", allowed only with a quality that is
 * not usable), a text for orders, or the reason why the value cannot be taken. Booleans are 0 and 1, and no state; a text that is
 * wholly a number counts as that number where a number is needed; PackML names become PackML numbers.
 */
export function readSignalValue(kind: SignalKind, value: WireValue, quality: number): number | string | ValueProblem {
  if (value === null || (typeof value === 'number' && Number.isNaN(value))) {
    if (!isUsable(quality)) return Number.NaN;
    if (value === null)
      return problem(
        'missing_value',
        'The value is null; accepted is a number, a boolean, a text, or null with quality "bad".',
      );
    return problem('not_a_number', 'The value is NaN; accepted is a finite number, or any value with quality "bad".');
  }
  if (kind === 'order') return readText(value);
  const number = typeof value === 'number' ? value : readNumber(kind, value);
  if (typeof number !== 'number') return number;
  if (!Number.isFinite(number)) {
    return problem('out_of_range', `The value is ${show(value)}; accepted is a number of magnitude up to 1.797e308.`);
  }
  if (kind === 'state' && !isPackmlState(number)) {
    return unknownState(value);
  }
  return number;
}

function readNumber(kind: SignalKind, value: bigint | boolean | string): number | ValueProblem {
  if (typeof value === 'boolean') {
    // 0 and 1 are Undefined and Clearing: a device that says "on" or "off" would stand in states that it does not mean.
    if (kind === 'state') return unknownState(value);
    return value ? 1 : 0;
  }
  if (typeof value === 'bigint') {
    const number = Number(value);
    if (BigInt(number) === value) return number;
    return problem(
      'inexact_number',
      `The whole number ${show(value)} cannot be kept to its last digit; accepted is up to ±9007199254740992, or larger ones that a float8 holds exactly.`,
    );
  }
  if (kind === 'state') {
    const state = packmlState(value);
    if (state !== undefined) return state;
  }
  const text = value.trim();
  if (text.length <= 400 && numberText.test(text)) {
    return wholeText.test(text) ? readNumber(kind, BigInt(text.replace('+', ''))) : Number(text);
  }
  if (kind === 'state') {
    return unknownState(value);
  }
  return problem('not_a_number', `The value is ${show(value)}; accepted for this signal is a number or a boolean.`);
}

function readText(value: number | bigint | boolean | string): string | ValueProblem {
  const text = String(value);
  if (text.length > maxTextLength) {
    return problem(
      'text_too_long',
      `The text ${show(text)} is ${text.length} characters long; accepted are up to ${maxTextLength}.`,
    );
  }
  // PostgreSQL's text cannot hold U+0000, and a lone surrogate cannot be written as UTF-8.
  if (text.includes('\u0000') || !text.isWellFormed()) {
    return problem(
      'malformed_payload',
      `The text ${show(text)} holds a character that cannot be stored; accepted is well-formed Unicode without U+0000.`,
    );
  }
  return text;
}

const unknownState = (value: WireValue): ValueProblem =>
  problem(
    'unknown_state',
    `The state is ${show(value)}; accepted is a PackML number from 0 to 17 or a PackML name such as "Execute".`,
  );

const problem = (reason: RejectReason, detail: string): ValueProblem => ({ reason, detail });

/** A value for a sentence: quoted when it is a text, and never longer than a line. */
export function show(value: unknown): string {
  // Cut before it is quoted: the text may be a whole message of megabytes.
  const short = typeof value === 'string' ? value.slice(0, 100) : value;
  // JSON knows no infinity, and would write null.
  const isBare = typeof short === 'bigint' || (typeof short === 'number' && !Number.isFinite(short));
  const text = isBare ? String(short) : (JSON.stringify(short) ?? String(short));
  const line = text.length > 80 ? `${text.slice(0, 77)}…` : text;
  return line.toWellFormed().replaceAll('\\u0000', '␀').replaceAll('\u0000', '␀');
}
