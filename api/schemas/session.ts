import { z } from 'zod';
import { id, timestamp } from './common.ts';

export const role = z.enum(['administrator', 'engineer', 'planner', 'supervisor', 'technician', 'operator', 'viewer']);
export type Role = z.output<typeof role>;

export const loginBody = z.object({
  email: z.string().min(3).max(254),
  password: z.string().min(1).max(200),
  organization: z
    .string()
    .max(200)
    .optional()
    .describe('Without it the organization of ENTERPRISE, else the only one that has the e-mail address.'),
});
export type LoginBody = z.output<typeof loginBody>;

/** The session cookie is set beside it; the token is for programs (`Authorization: Bearer …`). */
export const loginAnswer = z.object({ token: z.string(), expires_at: timestamp });
export type LoginAnswer = z.output<typeof loginAnswer>;

export const me = z.object({
  employee_id: id,
  email: z.string(),
  name: z.string(),
  role,
  organization_id: id,
  organization_name: z.string(),
  server_time: timestamp,
});
export type Me = z.output<typeof me>;
