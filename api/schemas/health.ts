import { z } from 'zod';
import { timestamp } from './common.ts';

/** `/health/live`: the process answers. */
export const liveness = z.object({ live: z.literal(true) });

/** `/health/ready`: 200 when `ready`, else 503. A part that only `warns` does not make the API unready. */
export const readiness = z.object({
  ready: z.boolean(),
  server_time: timestamp,
  parts: z.array(
    z.object({
      name: z.enum(['database', 'migrations', 'feed', 'gateway', 'analytics', 'books', 'live']),
      ok: z.boolean(),
      needed: z.boolean(),
      sentence: z.string(),
    }),
  ),
});
export type Readiness = z.output<typeof readiness>;
