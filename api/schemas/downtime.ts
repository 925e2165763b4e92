import { z } from 'zod';
import { id, idInput, machinePlace, pageOf, pageQuery, timestamp, timestampInput } from './common.ts';
import { machineStateName } from './machine.ts';

/** An interval in which a machine did not run; `seconds` is clipped to the asked range and to what is known. */
export const downtimeInterval = machinePlace.extend({
  machine_state_id: id,
  state: machineStateName,
  started_at: timestamp,
  ended_at: timestamp.nullable(),
  seconds: z.number(),
  packml_state: z.int().nullable(),
  fault_code: z.int().nullable(),
});
export type DowntimeInterval = z.output<typeof downtimeInterval>;

/** Bars of the Pareto chart over the whole range, longest first. "Nothing heard" (no_data) is its own bar. */
export const downtimeBar = z.object({
  state: machineStateName,
  fault_code: z.int().nullable(),
  seconds: z.number(),
  stops: z.int(),
  machines: z.int(),
});
export type DowntimeBar = z.output<typeof downtimeBar>;

/** The Pareto comes with the first page only; later pages have it empty. */
export const downtimePage = pageOf(downtimeInterval).extend({
  from: timestamp,
  to: timestamp,
  pareto: z.array(downtimeBar),
});
export type DowntimePage = z.output<typeof downtimePage>;

export const downtimeQuery = pageQuery.extend({
  /** Default: 24 hours before `to`. */
  from: timestampInput.optional(),
  /** Default: now. */
  to: timestampInput.optional(),
  site: idInput.optional(),
  line: idInput.optional(),
  machine: idInput.optional(),
  /** One state only; `running` is accepted too, for state timelines. */
  state: machineStateName.optional(),
  /** all: also running intervals, for a state timeline. */
  include: z.enum(['stops', 'all']).default('stops'),
});
export type DowntimeQuery = z.input<typeof downtimeQuery>;
