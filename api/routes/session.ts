import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { toTimestamp } from '../../core/clock.ts';
import { createAttempts } from '../auth/attempts.ts';
import { needSameOrigin } from '../auth/origin.ts';
import { verifyPassword } from '../auth/password.ts';
import { closeSession, openSession, sessionCookie, sessionSeconds } from '../auth/session.ts';
import { employeeOf, type Api, type App } from '../context.ts';
import { ProblemError } from '../problem.ts';
import { findLogin } from '../queries/find-login.ts';
import { loginAnswer, loginBody, me } from '../schemas/session.ts';

/** Checks of passwords at the same time: each takes 32 MB and a thread of the pool, which the files share. */
const mostChecks = 4;

/** Login, which is open to everybody. One message for every failure, and equally slow: it tells nobody who exists. */
export function addLogin(app: App, api: Api): void {
  const attempts = createAttempts(api.clock);
  const attemptsOfAddress = createAttempts(api.clock, 100);
  let checks = 0;

  app.post(
    '/login',
    {
      schema: {
        tags: ['session'],
        summary: 'Log in: sets the session cookie and answers the token',
        security: [],
        body: loginBody,
        response: { 200: loginAnswer },
      },
    },
    async (request, reply) => {
      needSameOrigin(request, { fromBrowser: false });
      const { email, password, organization } = request.body;
      const key = `${email.toLowerCase()} ${request.ip}`;
      const wait = Math.max(attempts.wait(key), attemptsOfAddress.wait(request.ip));
      if (wait > 0) {
        throw new ProblemError('too-many-attempts', `Too many failed logins; try again in ${wait} s.`, {
          retry_after_seconds: wait,
        });
      }
      if (checks >= mostChecks)
        throw new ProblemError('unavailable', 'Many logins at once; try again.', { retry_after_seconds: 2 });
      checks++;
      try {
        const login = await findLogin(api.database, { email, organization, own: api.settings.ENTERPRISE });
        if (!(await verifyPassword(password, login?.password_hash ?? null)) || login === undefined) {
          attempts.failed(key);
          attemptsOfAddress.failed(request.ip);
          throw new ProblemError(
            'not-logged-in',
            'E-mail address or password is wrong; an address of several organizations needs its organization named.',
          );
        }
        attempts.succeeded(key);
        const session = await openSession(api.database, login);
        setSessionCookie(request, reply, session.token, sessionSeconds);
        return session;
      } finally {
        checks--;
      }
    },
  );
}

export function addSession(app: App, api: Api): void {
  app.post(
    '/logout',
    { schema: { tags: ['session'], summary: 'End this session', response: { 204: z.null() } } },
    async (request, reply) => {
      await closeSession(api.database, employeeOf(request).token_hash);
      setSessionCookie(request, reply, '', 0);
      return reply.code(204).send(null);
    },
  );

  app.get(
    '/me',
    { schema: { tags: ['session'], summary: 'Who is logged in', response: { 200: me } } },
    async (request) => {
      const { token_hash: _, ...employee } = employeeOf(request);
      return { ...employee, server_time: toTimestamp(api.clock()) };
    },
  );
}

function setSessionCookie(request: FastifyRequest, reply: FastifyReply, token: string, maxAge: number): void {
  void reply.setCookie(sessionCookie, token, {
    path: '/',
    httpOnly: true,
    sameSite: 'lax',
    secure: request.protocol === 'https',
    maxAge,
  });
}
