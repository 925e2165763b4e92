import type { Connection } from '../../core/database.ts';
import { decodeCursor, toPage } from '../cursor.ts';
import type { Employee } from '../schemas/employee.ts';
import type { Role } from '../schemas/session.ts';
import { conditions } from './row.ts';

/** Active employees by id; those of a site and those of none when a site is given. */
export async function listEmployees(
  connection: Connection,
  query: { limit: number; cursor?: string | undefined; role?: Role | undefined; site?: number | undefined },
): Promise<{ items: Employee[]; next: string | null }> {
  const where = conditions('e.active');
  where.add('e.role = ?', query.role);
  where.add('(e.site_id = ? or e.site_id is null)', query.site);
  where.add('e.employee_id > ?', decodeCursor(query.cursor, 'employees', ['number'])?.[0]);
  const rows = await connection.query<Employee>(
    `select e.employee_id, e.name, e.email, e.role, e.site_id from employee e ${where.toSql()}
      order by e.employee_id limit ${where.parameter(query.limit + 1)}`,
    where.parameters,
  );
  return toPage(rows, query.limit, 'employees', (row) => [row.employee_id]);
}
