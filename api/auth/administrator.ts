import type { Database } from '../../core/database.ts';
import type { Log } from '../../core/log.ts';
import type { Settings } from '../../core/settings.ts';
import { hashPassword, verifyPassword } from './password.ts';

/**
 * Makes sure that the administrator of the settings can log in to the organization ENTERPRISE. A changed ADMIN_PASSWORD
 * replaces the old one and ends the sessions opened with it; without ADMIN_PASSWORD nothing is changed.
 */
export async function ensureAdministrator(database: Database, settings: Settings, log: Log): Promise<void> {
  const { ADMIN_EMAIL: email, ADMIN_PASSWORD: password, ENTERPRISE: enterprise } = settings;
  await database.execute('insert into organization (name) values ($1) on conflict (name) do nothing', [enterprise]);
  const [existing] = await database.query<{ employee_id: number; password_hash: string | null }>(
    `select e.employee_id, e.password_hash from employee e join organization o using (organization_id)
      where o.name = $1 and lower(e.email) = lower($2)`,
    [enterprise, email],
  );
  if (password === undefined) {
    if (existing?.password_hash == null) {
      log.warn(
        { email },
        'nobody can log in as administrator yet; set ADMIN_PASSWORD to at least 8 characters and start again',
      );
    }
    return;
  }
  if (existing !== undefined && (await verifyPassword(password, existing.password_hash))) {
    await database.execute("update employee set active = true, role = 'administrator' where employee_id = $1", [
      existing.employee_id,
    ]);
    return;
  }
  const hash = await hashPassword(password);
  await database.withTransaction(async (connection) => {
    // Two API processes may start at once; the unique index on (organization, e-mail) lets one of them win.
    const [row] = await connection.query<{ employee_id: number }>(
      `insert into employee (organization_id, email, name, role, password_hash)
       select organization_id, $2, 'Administrator', 'administrator', $3 from organization where name = $1
       on conflict (organization_id, lower(email)) do update
         set password_hash = excluded.password_hash, role = 'administrator', active = true
       returning employee_id`,
      [enterprise, email, hash],
    );
    await connection.execute('delete from session where employee_id = $1', [row?.employee_id]);
  });
  log.info(
    { email },
    existing === undefined ? 'the administrator was created' : 'the password of the administrator was changed',
  );
}
