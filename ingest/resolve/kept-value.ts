import type { WireValue } from './signal-value.ts';

/** Longer texts are no value of any signal: a text has 256 characters, a number in a text 400 digits. */
const mostCharacters = 1024;

/**
 * A value that was read and is rejected, as JSON for the payload of its row, so that a replay finds what a float8 cannot
 * tell: a text, a boolean, a whole number to its last digit, or that there was none. Null for a number, which has its own
 * column, and for a text that is too long to be stored.
 */
export function keepValue(value: WireValue): Buffer | null {
  if (typeof value === 'number') return Number.isNaN(value) ? Buffer.from('null') : null;
  if (typeof value === 'string' && value.length > mostCharacters) return null;
  return Buffer.from(typeof value === 'bigint' ? String(value) : JSON.stringify(value));
}

/** What `keepValue` kept; undefined when the bytes are a message. */
export function readKeptValue(bytes: Buffer): WireValue | undefined {
  if (!kept.test(bytes.toString('latin1', 0, 8))) return undefined;
  const text = bytes.toString('utf8');
  if (wholeNumber.test(text)) return BigInt(text);
  try {
    const value = JSON.parse(text) as unknown;
    return value === null || typeof value === 'string' || typeof value === 'boolean' ? value : undefined;
  } catch {
    return undefined;
  }
}

const kept = /^("|-?\d|null$|true$|false$)/;
const wholeNumber = /^-?\d+$/;
