import { z } from 'zod';
import { ProblemError } from './problem.ts';

const keySchema = z
  .array(z.union([z.string().max(200), z.number()]))
  .min(1)
  .max(5);
export type CursorKey = z.output<typeof keySchema>;

/**
 * A place in a list: the sort key of the last row the caller has, as base64url JSON. Opaque to callers, so that a list
 * may change its order later. It names its list, because the keys of many lists look alike, and another list's place
 * would quietly leave rows out. It holds nothing secret and is used only as SQL parameters, so it is not signed.
 */
export function encodeCursor(list: string, key: CursorKey): string {
  return Buffer.from(JSON.stringify([list, ...key])).toString('base64url');
}

type KeyPart = 'string' | 'time' | 'number';

/** The key in a cursor of `list`, of `types.length` parts, or undefined for none. Throws a validation problem for others. */
export function decodeCursor(
  cursor: string | undefined,
  list: string,
  types: readonly KeyPart[],
): CursorKey | undefined {
  if (cursor === undefined) return undefined;
  try {
    const [name, ...key] = keySchema.parse(JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8')));
    if (name === list && key.length === types.length && key.every((part, index) => isOfType(part, types[index])))
      return key;
  } catch {
    // Falls through to the problem below: whatever it is, it is not a cursor of ours.
  }
  throw new ProblemError(
    'validation',
    'cursor is not one this list gave out; accepted is the `next` of its last page.',
    {
      errors: [{ field: 'cursor', value: cursor, accepted: "the `next` of the list's last page" }],
    },
  );
}

/** Times are as PostgreSQL writes them in UTC, and numbers are ids and positions: whole. */
function isOfType(part: string | number, type: KeyPart | undefined): boolean {
  if (typeof part === 'number') return type === 'number' && Number.isSafeInteger(part);
  return type === 'string' || (type === 'time' && /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d+)?\+00$/.test(part));
}

/** Cuts the extra row that was asked for to know whether there is more, and makes the next cursor from the last row kept. */
export function toPage<Row>(
  rows: Row[],
  limit: number,
  list: string,
  keyOf: (row: Row) => CursorKey,
): { items: Row[]; next: string | null } {
  if (rows.length <= limit) return { items: rows, next: null };
  const items = rows.slice(0, limit);
  const last = items.at(-1);
  return { items, next: last === undefined ? null : encodeCursor(list, keyOf(last)) };
}
