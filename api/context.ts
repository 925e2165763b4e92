import type {
  FastifyInstance,
  FastifyRequest,
  RawReplyDefaultExpression,
  RawRequestDefaultExpression,
  RawServerDefault,
} from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import type { Clock } from '../core/clock.ts';
import type { Connection, Database } from '../core/database.ts';
import type { Log } from '../core/log.ts';
import type { Settings } from '../core/settings.ts';
import type { Live } from './live/live.ts';
import { withOrganization } from './organization.ts';
import { ProblemError } from './problem.ts';
import type { Role } from './schemas/session.ts';

/** The Fastify instance whose routes are typed by their zod schemas. */
export type App = FastifyInstance<
  RawServerDefault,
  RawRequestDefaultExpression<RawServerDefault>,
  RawReplyDefaultExpression<RawServerDefault>,
  Log,
  ZodTypeProvider
>;

/** What routes work with; handed to each of them, so that nothing hides in decorators. */
export interface Api {
  settings: Settings;
  database: Database;
  log: Log;
  clock: Clock;
  live: Live;
}

/** Who is asking. Roles scoped to sites and lines come later; routes ask `needRole` and never look at the role itself. */
export interface Employee {
  employee_id: number;
  organization_id: number;
  organization_name: string;
  email: string;
  name: string;
  role: Role;
  token_hash: string;
}

declare module 'fastify' {
  interface FastifyRequest {
    /** Set for every request under /api/v1 except login. */
    employee: Employee | null;
  }
}

/** The employee of a request behind the login; a route outside it that asks is a mistake of ours. */
export function employeeOf(request: FastifyRequest): Employee {
  if (request.employee === null) throw new ProblemError('not-logged-in', 'Log in first.');
  return request.employee;
}

/** The employee, when the role is one of `roles`; an administrator may do everything. */
export function needRole(request: FastifyRequest, roles: readonly Role[]): Employee {
  const employee = employeeOf(request);
  if (employee.role === 'administrator' || roles.includes(employee.role)) return employee;
  throw new ProblemError('forbidden', `Your role is ${employee.role}; this needs one of ${roles.join(', ')}.`);
}

/** Runs `work` for the organization of the request, see organization.ts. */
export function ask<Result>(
  api: Pick<Api, 'database'>,
  request: FastifyRequest,
  work: (connection: Connection) => Promise<Result>,
): Promise<Result> {
  return withOrganization(api.database, employeeOf(request).organization_id, 'read', work);
}

export function change<Result>(
  api: Pick<Api, 'database'>,
  request: FastifyRequest,
  work: (connection: Connection) => Promise<Result>,
): Promise<Result> {
  return withOrganization(api.database, employeeOf(request).organization_id, 'write', work);
}
