import { createHash, randomBytes } from 'node:crypto';
import type { Connection } from '../../core/database.ts';
import { toRfc3339 } from '../queries/row.ts';
import type { Employee } from '../context.ts';
import type { Role } from '../schemas/session.ts';

export const sessionCookie = 'millrace_session';
export const sessionSeconds = 7 * 24 * 3600;

/** Only this stands in the database: whoever reads the table cannot log in with it. */
export function hashToken(token: string): string {
  return createHash('sha256').update(token).digest('hex');
}

/** Opens a session and answers its token, which is never seen again; whatever sessions have expired go. */
export async function openSession(
  database: Connection,
  employee: { employee_id: number; organization_id: number },
): Promise<{ token: string; expires_at: string }> {
  const token = randomBytes(32).toString('base64url');
  const [row] = await database.query<{ expires_at: string }>(
    `with expired as (delete from session where expires_at <= now())
     insert into session (token_hash, organization_id, employee_id, expires_at)
     values ($1, $2, $3, now() + make_interval(secs => $4))
     returning expires_at`,
    [hashToken(token), employee.organization_id, employee.employee_id, sessionSeconds],
  );
  if (row === undefined) throw new Error('A session was not written.');
  return { token, expires_at: toRfc3339(row.expires_at) };
}

export async function closeSession(database: Connection, tokenHash: string): Promise<void> {
  await database.execute('delete from session where token_hash = $1', [tokenHash]);
}

/** Who holds this token, or undefined. Runs as the owner, because only the session says which organization it is. */
export async function findSession(database: Connection, tokenHash: string): Promise<Employee | undefined> {
  const [row] = await database.prepared<{
    employee_id: number;
    organization_id: number;
    organization_name: string;
    email: string;
    name: string;
    role: Role;
  }>(
    'find_session',
    `select e.employee_id, e.organization_id, o.name as organization_name, e.email, e.name, e.role
       from session t
       join employee e on e.employee_id = t.employee_id and e.active
       join organization o on o.organization_id = e.organization_id
      where t.token_hash = $1 and t.expires_at > now()`,
    [tokenHash],
  );
  return row === undefined ? undefined : { ...row, token_hash: tokenHash };
}

/** Which of these sessions are still good, for streams that stay open longer than a request. */
export async function findGoodSessions(database: Connection, tokenHashes: readonly string[]): Promise<Set<string>> {
  const rows = await database.query<{ token_hash: string }>(
    `select t.token_hash from session t join employee e on e.employee_id = t.employee_id and e.active
      where t.token_hash = any($1) and t.expires_at > now()`,
    [tokenHashes],
  );
  return new Set(rows.map((row) => row.token_hash));
}
