import type { FastifyRequest } from 'fastify';
import type { Database } from '../../core/database.ts';
import { ProblemError } from '../problem.ts';
import { needSameOrigin } from './origin.ts';
import { findSession, hashToken, sessionCookie } from './session.ts';

const safeMethods = new Set(['GET', 'HEAD', 'OPTIONS']);

/** Finds the employee of a request by bearer token or session cookie, or refuses it. A bearer token goes first. */
export async function authenticate(database: Database, request: FastifyRequest): Promise<void> {
  const bearer = /^Bearer ([\w-]{20,100})$/i.exec(request.headers.authorization ?? '')?.[1];
  const cookie = request.cookies[sessionCookie];
  const token = bearer ?? cookie;
  if (token === undefined) {
    throw new ProblemError(
      'not-logged-in',
      'Log in at /api/v1/login, then send the session cookie or `Authorization: Bearer <token>`.',
    );
  }
  if (bearer === undefined && !safeMethods.has(request.method)) needSameOrigin(request, { fromBrowser: true });
  const employee = await findSession(database, hashToken(token));
  if (employee === undefined) throw new ProblemError('not-logged-in', 'The session has ended; log in again.');
  request.employee = employee;
}
