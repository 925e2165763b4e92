import { z } from 'zod';
import { idInput, machinePlace, pageOf, pageQuery, timestamp } from './common.ts';

/** MTBF and MTTR of one machine over a window. Without failures MTBF is null and the lower bound says what is known. */
export const reliability = machinePlace.extend({
  window_days: z.int(),
  window_start: timestamp,
  window_end: timestamp,
  operating_seconds: z.number(),
  down_seconds: z.number(),
  no_data_seconds: z.number(),
  failures: z.int(),
  repairs: z.int(),
  mtbf_operating_seconds: z.number().nullable(),
  mtbf_operating_lower_seconds: z.number(),
  mtbf_operating_upper_seconds: z.number().nullable(),
  mttr_restore_seconds: z.number().nullable(),
  availability: z.number().nullable(),
  computed_at: timestamp,
});
export type Reliability = z.output<typeof reliability>;
export const reliabilityPage = pageOf(reliability);
export type ReliabilityPage = z.output<typeof reliabilityPage>;

export const reliabilityQuery = pageQuery.extend({
  site: idInput.optional(),
  line: idInput.optional(),
  machine: idInput.optional(),
  window_days: z.coerce.number<number | string>().int().positive().optional(),
});
export type ReliabilityQuery = z.input<typeof reliabilityQuery>;
