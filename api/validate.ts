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
    const parsed = schema.safeParse(data);
    const path = parsed.success ? findNul(parsed.data) : undefined;
    if (parsed.success && path === undefined) return { value: parsed.data };
    const failure: ValidationFailure = Object.assign(new Error('The request is not valid.'), {
      issues: parsed.success
        ? [{ code: 'custom' as const, path: path ?? [], message: 'a text without U+0000' }]
        : parsed.error.issues,
      data,
    });
    return { error: failure };
  };
};

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
