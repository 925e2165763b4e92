import type { Connection } from '../../core/database.ts';

export interface Login {
  employee_id: number;
  organization_id: number;
  password_hash: string | null;
}

/**
 * The active employee of this e-mail address in the organization that is named; when none is, in the own one, or in the
 * only one that has the address. Never more than one, so that a login costs one check of a password whoever exists.
 * Runs as the owner: before the login there is no organization.
 */
export async function findLogin(
  database: Connection,
  { email, organization, own }: { email: string; organization: string | undefined; own: string },
): Promise<Login | undefined> {
  const found = await database.query<Login & { is_own: boolean }>(
    `select e.employee_id, e.organization_id, e.password_hash, o.name = $3 as is_own
       from employee e join organization o using (organization_id)
      where lower(e.email) = lower($1) and e.active and ($2::text is null or o.name = $2)
      order by is_own desc, e.employee_id limit 2`,
    [email, organization ?? null, own],
  );
  const [first] = found;
  return found.length === 1 || first?.is_own === true ? first : undefined;
}
