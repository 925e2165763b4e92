import { z } from 'zod';

/** RFC 9457 problem details (`application/problem+json`): the body of every answer that is not a success. */
export const problem = z.object({
  type: z.string().meta({ description: 'What kind of problem, such as /problems/validation' }),
  title: z.string(),
  status: z.int(),
  detail: z.string().meta({ description: 'One sentence about this occurrence' }),
  instance: z.string().meta({ description: 'The path that was asked for' }),
  /** The id under which the server logged it. */
  request_id: z.string(),
  /** Validation only: each wrong field with its value and what is accepted. */
  errors: z.array(z.object({ field: z.string(), value: z.unknown(), accepted: z.string() })).optional(),
  /** 409 only: the thing that is in the way, such as the open work order. */
  existing: z.object({ id: z.int(), number: z.string().optional(), link: z.string(), state: z.string() }).optional(),
});
export type Problem = z.output<typeof problem>;
