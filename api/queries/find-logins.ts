import type { Connection } from '../../core/database.ts';

export interface Login {
  employee_id: number;
  organization_id: number;
  password_hash: string | null;
}

/**
 * The active employees of this e-mail address, more than one when several organizations have it and none is named.
 * Runs as the owner: before the login there is no organization.
 */
export function findLogins(database: Connection, email: string, organization: string | undefined): Promise<Login[]> {
  return database.query<Login>(
    `select e.employee_id, e.organization_id, e.password_hash
       from employee e join organization o using (organization_id)
      where lower(e.email) = lower($1) and e.active and ($2::text is null or o.name = $2)
      order by e.employee_id limit 2`,
    [email, organization ?? null],
  );
}
