import type { FastifySchemaCompiler } from 'fastify';
import type { z } from 'zod';
import type { ValidationFailure } from './problem.ts';

/**
 * Checks a part of a request with its zod schema. A missing body is an empty one, so that all-optional bodies may be left out.
 * A text with U+0000 is refused everywhere, because PostgreSQL can neither store nor compare it.
 */
export const compileValidator: FastifySchemaCompiler<z.ZodType> = ({ schema, httpPart }) => {
  return (given: unknown) => {
    const data = httpPart === 'body' ? (given ?? {}) : given;
    const questions = httpPart === 'params' ? [] : [...unknownNames(schema, data), ...emptyRange(data)];
    const parsed = schema.safeParse(data);
    const path = parsed.success ? findNul(parsed.data) : undefined;
    if (parsed.success && path === undefined && questions.length === 0) return { value: parsed.data };
    const nul: z.core.$ZodIssue[] =
      path === undefined ? [] : [{ code: 'custom', path, input: data, message: 'a text without U+0000' }];
    const failure: ValidationFailure = Object.assign(new Error('The request is not valid.'), {
      issues: [...(parsed.error?.issues ?? []), ...nul, ...questions],
      data,
    });
    return { error: failure };
  };
};

/**
 * Parameters and fields that the route does not know: a mistyped filter would answer with everything, and a mistyped
 * field would leave out what somebody wanted to say.
 */
function unknownNames(schema: z.ZodType, data: unknown): z.core.$ZodIssue[] {
  const { shape } = schema as Partial<z.ZodObject>;
  if (shape === undefined) throw new Error('The schema of a request must be an object, whose names are known.');
  if (typeof data !== 'object' || data === null || Array.isArray(data)) return [];
  const known = Object.keys(shape);
  return Object.keys(data)
    .filter((name) => !known.includes(name))
    .map((name) => ({ code: 'custom', path: [name], input: data, message: `no name here, but ${known.join(', ')}` }));
}

/** A range that ends before it begins, or holds no time at all, which would answer with nothing. */
function emptyRange(data: unknown): z.core.$ZodIssue[] {
  const { from, to } = (data ?? {}) as Record<string, unknown>;
  if (!(Date.parse(String(from)) >= Date.parse(String(to)))) return [];
  return [{ code: 'custom', path: ['from'], input: data, message: 'a time before `to`' }];
}

/** Where a text with U+0000 stands in the data; undefined when there is none. */
function findNul(value: unknown): (string | number)[] | undefined {
  if (typeof value === 'string') return value.includes('\u0000') ? [] : undefined;
  if (typeof value !== 'object' || value === null) return undefined;
  for (const [key, part] of Object.entries(value)) {
    const path = findNul(part);
    if (path !== undefined) return [key, ...path];
  }
  return undefined;
}
