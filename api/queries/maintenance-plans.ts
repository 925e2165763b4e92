import type { Connection } from '../../core/database.ts';
import { decodeCursor, toPage } from '../cursor.ts';
import type { MaintenancePlan } from '../schemas/maintenance-plan.ts';
import { addPlace, conditions, placeColumns, placeJoins, toRfc3339OrNull } from './row.ts';

/** Planned maintenance by id. */
export async function listMaintenancePlans(
  connection: Connection,
  query: {
    limit: number;
    cursor?: string | undefined;
    machine?: number | undefined;
    active?: 'true' | 'false' | undefined;
  },
): Promise<{ items: MaintenancePlan[]; next: string | null }> {
  const where = conditions();
  addPlace(where, { machine: query.machine });
  if (query.active !== undefined) where.add(query.active === 'true' ? 'p.active' : 'not p.active', true);
  where.add('p.maintenance_plan_id > ?', decodeCursor(query.cursor, 'maintenance_plans', ['number'])?.[0]);
  const rows = await connection.query<MaintenancePlan>(
    `select p.maintenance_plan_id, ${placeColumns}, p.title, p.interval_days, p.interval_running_hours, p.next_due_at, p.active
       from maintenance_plan p join machine m on m.machine_id = p.machine_id ${placeJoins} ${where.toSql()}
      order by p.maintenance_plan_id limit ${where.parameter(query.limit + 1)}`,
    where.parameters,
  );
  const page = toPage(rows, query.limit, 'maintenance_plans', (row) => [row.maintenance_plan_id]);
  return {
    items: page.items.map((row) => ({ ...row, next_due_at: toRfc3339OrNull(row.next_due_at) })),
    next: page.next,
  };
}
