import { z } from 'zod';
import { id, idInput, pageOf, pageQuery } from './common.ts';
import { role } from './session.ts';

/** Somebody to whom work can be given; active employees only. */
export const employee = z.object({
  employee_id: id,
  name: z.string(),
  email: z.string(),
  role,
  site_id: id.nullable(),
});
export type Employee = z.output<typeof employee>;
export const employeePage = pageOf(employee);
export type EmployeePage = z.output<typeof employeePage>;
export const employeesQuery = pageQuery.extend({ role: role.optional(), site: idInput.optional() });
export type EmployeesQuery = z.input<typeof employeesQuery>;
