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
    const questions = httpPart === 'querystring' ? wrongQuestions(schema, data) : [];
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
 * What no schema of one parameter sees: a parameter that the route does not know (a mistyped filter would answer with
 * everything) and a range that ends before it begins (which would answer with nothing).
 */
function wrongQuestions(schema: z.ZodType, data: unknown): z.core.$ZodIssue[] {
  const given = (data ?? {}) as Record<string, unknown>;
  const { shape } = schema as Partial<z.ZodObject>;
  if (shape === undefined) throw new Error('The schema of a query string must be an object, whose names are known.');
  const known = Object.keys(shape);
  const issues: z.core.$ZodIssue[] = Object.keys(given)
    .filter((name) => !known.includes(name))
    .map((name) => ({
      code: 'custom',
      path: [name],
      input: data,
      message: `no parameter of this name here, but ${known.join(', ')}`,
    }));
  if (Date.parse(String(given['from'])) > Date.parse(String(given['to'])))
    issues.push({ code: 'custom', path: ['from'], input: data, message: 'a time before `to`' });
  return issues;
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
