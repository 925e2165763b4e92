import { z } from 'zod';
import { flagInput, id, idInput, machinePlace, pageOf, pageQuery, timestamp } from './common.ts';

export const maintenancePlan = machinePlace.extend({
  maintenance_plan_id: id,
  title: z.string(),
  interval_days: z.number().nullable(),
  interval_running_hours: z.number().nullable(),
  next_due_at: timestamp.nullable(),
  active: z.boolean(),
});
export type MaintenancePlan = z.output<typeof maintenancePlan>;
export const maintenancePlanPage = pageOf(maintenancePlan);
export type MaintenancePlanPage = z.output<typeof maintenancePlanPage>;

export const maintenancePlansQuery = pageQuery.extend({ machine: idInput.optional(), active: flagInput.optional() });
export type MaintenancePlansQuery = z.input<typeof maintenancePlansQuery>;
