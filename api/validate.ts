import type { FastifySchemaCompiler } from 'fastify';
import type { z } from 'zod';
import type { ValidationFailure } from './problem.ts';

/** Checks a part of a request with its zod schema. A missing body is an empty one, so that all-optional bodies may be left out. */
export const compileValidator: FastifySchemaCompiler<z.ZodType> = ({ schema, httpPart }) => {
  return (given: unknown) => {
    const data = httpPart === 'body' ? (given ?? {}) : given;
    const parsed = schema.safeParse(data);
    if (parsed.success) return { value: parsed.data };
    const failure: ValidationFailure = Object.assign(new Error('The request is not valid.'), {
      issues: parsed.error.issues,
      data,
    });
    return { error: failure };
  };
};
