import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify';
import type { z } from 'zod';
import type { Log } from '../core/log.ts';
import { retryRule } from '../core/retry.ts';
import type { Problem } from './schemas/problem.ts';

/** What went wrong, as the caller may know it. Throw it anywhere in a request; the error handler writes it out. */
export class ProblemError extends Error {
  override readonly name = 'ProblemError';
  readonly status: number;
  readonly kind: ProblemKind;
  readonly extra: Partial<Pick<Problem, 'errors' | 'existing'>> & { retry_after_seconds?: number };

  constructor(kind: ProblemKind, detail: string, extra: ProblemError['extra'] = {}) {
    super(detail);
    this.kind = kind;
    this.status = kinds[kind].status;
    this.extra = extra;
  }
}

/** Every kind of problem this API answers with: its status and title. The kind is the last part of `type`. */
const kinds = {
  validation: { status: 400, title: 'The request is not valid' },
  malformed: { status: 400, title: 'The request could not be read' },
  'not-logged-in': { status: 401, title: 'Please log in' },
  forbidden: { status: 403, title: 'You may not do this' },
  'cross-origin': { status: 403, title: 'The request came from another site' },
  'not-found': { status: 404, title: 'There is no such thing' },
  'wrong-method': { status: 405, title: 'This cannot be done there' },
  conflict: { status: 409, title: 'Something is in the way' },
  'too-large': { status: 413, title: 'The request is too large' },
  'media-type': { status: 415, title: 'The body must be JSON' },
  'too-many-attempts': { status: 429, title: 'Too many attempts' },
  internal: { status: 500, title: 'The server failed' },
  unavailable: { status: 503, title: 'The server cannot answer now' },
} as const satisfies Record<string, { status: number; title: string }>;

export type ProblemKind = keyof typeof kinds;

/** A validation failure as zod reports it, with the data it was found in, for the error handler. */
export interface ValidationFailure extends Error {
  issues: readonly z.core.$ZodIssue[];
  data: unknown;
}

/** The 404 of one thing: `notFound('machine', 7)`. Things of other organizations do not exist either. */
export function notFound(thing: string, id: number | string): ProblemError {
  return new ProblemError('not-found', `There is no ${thing} ${id}.`);
}

/** Turns any error into a problem for the caller. What is not meant for callers becomes a plain 500 and goes to the log. */
export function toProblem(error: unknown): ProblemError {
  if (error instanceof ProblemError) return error;
  if (error instanceof Error && 'issues' in error && 'data' in error)
    return toValidationProblem(error as ValidationFailure);
  const { code, statusCode, message } = error as Partial<FastifyError>;
  if (code === 'FST_ERR_CTP_BODY_TOO_LARGE') return new ProblemError('too-large', 'The body may have at most 256 KB.');
  if (code === 'FST_ERR_CTP_INVALID_MEDIA_TYPE') {
    return new ProblemError('media-type', 'Send the body as application/json.');
  }
  if (statusCode !== undefined && statusCode >= 400 && statusCode < 500) {
    return new ProblemError('malformed', message ?? 'The request could not be read.');
  }
  // From where no schema looks, such as the inside of a cursor: U+0000; a number or a time that no column can hold.
  if (code === '22021')
    return new ProblemError('malformed', 'A text holds U+0000, which cannot be compared; leave it out.');
  if (code === '22003' || code === '22007' || code === '22008')
    return new ProblemError('malformed', 'A number or a time is beyond what can be stored.');
  if (code === '57014') {
    return new ProblemError('unavailable', 'The question took too long; ask for a shorter range.', {
      retry_after_seconds: 5,
    });
  }
  if (retryRule(error) !== undefined) {
    return new ProblemError('unavailable', 'The database cannot be reached; try again.', { retry_after_seconds: 2 });
  }
  return new ProblemError('internal', 'This failure was logged under the request id.');
}

function toValidationProblem(failure: ValidationFailure): ProblemError {
  const errors = failure.issues.slice(0, 20).map((issue) => {
    const value = valueAt(failure.data, issue.path);
    const field = issue.path.map(String).join('.');
    return { field, value: value === undefined ? null : shorten(value), accepted: acceptedOf(issue) };
  });
  const first = errors[0];
  const detail =
    first === undefined
      ? 'The request is not valid.'
      : `${first.field === '' ? 'The body' : first.field} is ${first.value === null ? 'not given' : JSON.stringify(first.value)}; accepted is ${first.accepted}.`;
  return new ProblemError('validation', detail, { errors });
}

function acceptedOf(issue: z.core.$ZodIssue): string {
  switch (issue.code) {
    case 'invalid_value':
      return issue.values.map(String).join(', ');
    case 'invalid_type':
      return issue.expected === 'int' ? 'a whole number' : `a value of type ${issue.expected}`;
    case 'too_small':
      return `${issue.inclusive === false ? 'a number above' : 'at least'} ${issue.minimum}${issue.origin === 'string' ? ' characters' : ''}`;
    case 'too_big':
      return `${issue.inclusive === false ? 'a number below' : 'at most'} ${issue.maximum}${issue.origin === 'string' ? ' characters' : ''}`;
    case 'invalid_format':
      if (issue.format === 'datetime') return 'an RFC 3339 time such as 2026-11-20T06:00:00Z';
      return issue.format === 'regex' ? issue.message : `a valid ${issue.format}`;
    default:
      return issue.message;
  }
}

function valueAt(data: unknown, path: readonly PropertyKey[]): unknown {
  let value = data;
  for (const key of path) {
    if (value === null || typeof value !== 'object') return undefined;
    value = (value as Record<PropertyKey, unknown>)[key];
  }
  return value;
}

function shorten(value: unknown): unknown {
  const text = JSON.stringify(value) ?? '';
  return text.length <= 200 ? value : `${text.slice(0, 200)}…`;
}

/** Writes a problem as the answer; 5xx are logged with their real cause, the caller never sees it. */
export function sendProblem(request: FastifyRequest, reply: FastifyReply, error: unknown, log: Log): FastifyReply {
  const problem = toProblem(error);
  if (problem.status >= 500) log.error({ error, request_id: request.id, url: request.url }, 'a request failed');
  const { retry_after_seconds, ...extra } = problem.extra;
  if (problem.status === 401) void reply.header('www-authenticate', 'Bearer realm="millrace"');
  if (retry_after_seconds !== undefined) void reply.header('retry-after', String(retry_after_seconds));
  const body: Problem = {
    type: `/problems/${problem.kind}`,
    title: kinds[problem.kind].title,
    status: problem.status,
    detail: problem.message,
    instance: request.url.split('?', 1)[0] ?? '/',
    request_id: request.id,
    ...extra,
  };
  // A string is sent as it is, so that no route's response schema stands between a problem and its reader.
  return reply.code(problem.status).type('application/problem+json').send(JSON.stringify(body));
}
