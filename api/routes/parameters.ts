import { z } from 'zod';
import { toTimestamp } from '../../core/clock.ts';
import { ProblemError } from '../problem.ts';
import { idInput } from '../schemas/common.ts';

/** The id of a part of the plant. */
export const idParameters = z.object({ id: idInput });
/** The id of something that happened: an alarm, an order, a rejected reading. */
export const eventIdParameters = z.object({ id: z.coerce.number<number | string>().int().positive() });

/**
 * The range of a question: `to` is now and `from` is `defaultMs` before it when they are not given. Throws a validation
 * problem when it is empty or longer than `mostMs`.
 */
export function readRange(
  query: { from?: string | undefined; to?: string | undefined },
  nowMs: number,
  defaultMs: number,
  mostMs = Number.POSITIVE_INFINITY,
): { from: string; to: string; fromMs: number; toMs: number } {
  const toMs = query.to === undefined ? nowMs : Date.parse(query.to);
  const fromMs = query.from === undefined ? toMs - defaultMs : Date.parse(query.from);
  if (fromMs >= toMs) throw wrongRange('from', query.from, 'a time before `to`');
  if (toMs - fromMs > mostMs)
    throw wrongRange('from', query.from, `a time at most ${mostMs / 86_400_000} days before \`to\``);
  return { from: query.from ?? toTimestamp(fromMs), to: query.to ?? toTimestamp(toMs), fromMs, toMs };
}

function wrongRange(field: string, value: string | undefined, accepted: string): ProblemError {
  return new ProblemError('validation', `${field} is ${value ?? 'not given'}; accepted is ${accepted}.`, {
    errors: [{ field, value: value ?? null, accepted }],
  });
}
