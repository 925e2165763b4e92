import { z } from 'zod';
import { id, idInput, pageOf, pageQuery, timestamp, timestampInput } from './common.ts';

/**
 * Additive components (seconds and pieces) and the ratios formed from their sums (ISO 22400: A = APT/PBT,
 * P = ideal/APT, Q = good/total weighted by ideal time, OEE = A·P·Q). A ratio that has no meaning is null, never 0 or 1.
 */
export const oeeFigures = z.object({
  planned_seconds: z.number(),
  running_seconds: z.number(),
  idle_seconds: z.number(),
  starved_seconds: z.number(),
  held_seconds: z.number(),
  setup_seconds: z.number(),
  down_seconds: z.number(),
  planned_stop_seconds: z.number(),
  no_data_seconds: z.number(),
  total_count: z.number(),
  good_count: z.number(),
  reject_count: z.number(),
  /** Null when a produced product has no ideal cycle. */
  ideal_total_seconds: z.number().nullable(),
  ideal_good_seconds: z.number().nullable(),
  availability: z.number().nullable(),
  /** May exceed 1: then the ideal cycle or the count is wrong (see `flags`). */
  performance: z.number().nullable(),
  quality: z.number().nullable(),
  oee: z.number().nullable(),
  /** Net equipment effectiveness: like OEE, but setup is no loss. */
  nee: z.number().nullable(),
  /** Share of the planned time about which something was heard, 0..1. */
  coverage: z.number().nullable(),
  /** What to know before trusting a ratio, see core/oee-ratios.ts. */
  flags: z.array(z.enum(['ideal_cycle_too_slow', 'counted_without_running', 'counts_contradict', 'no_ideal_cycle'])),
});
export type OeeFigures = z.output<typeof oeeFigures>;

export const oeeLevel = z.enum(['site', 'line', 'machine']);
export type OeeLevel = z.output<typeof oeeLevel>;
export const oeeBy = z.enum(['shift', 'hour', 'day']);
export type OeeBy = z.output<typeof oeeBy>;

export const oeeQuery = pageQuery
  .extend({
    level: oeeLevel.default('line'),
    by: oeeBy.default('shift'),
    /** Default: 24 hours before `to`. */
    from: timestampInput.optional(),
    /** Default: now. */
    to: timestampInput.optional(),
    site: idInput.optional(),
    line: idInput.optional(),
    machine: idInput.optional(),
  })
  .superRefine(({ level, ...filters }, context) => {
    // A site has no OEE of one of its lines, and would be given whole.
    for (const finer of oeeLevel.options.slice(oeeLevel.options.indexOf(level) + 1)) {
      if (filters[finer] !== undefined)
        context.addIssue({
          code: 'custom',
          path: [finer],
          message: `nothing beside level=${level}; ask for level=${finer}`,
        });
    }
  });
export type OeeQuery = z.input<typeof oeeQuery>;

/** A line is measured at its constraint machine, a site by the sum of its lines (docs/oee.md). */
export const oeeBasis = z.enum(['machine', 'constraint', 'all_machines']);

export const oeeItem = z.object({
  level: oeeLevel,
  /** site_id, line_id or machine_id, by `level`. */
  id,
  name: z.string(),
  title: z.string(),
  site_id: id,
  line_id: id.nullable(),
  basis: oeeBasis,
  started_at: timestamp,
  ended_at: timestamp,
  /** How far the figures reach; before `ended_at` while the bucket is running. */
  computed_to: timestamp,
  /** By shift and day. */
  production_date: z.iso.date().nullable(),
  shift_name: z.string().nullable(),
  time_zone: z.string(),
  figures: oeeFigures,
});
export type OeeItem = z.output<typeof oeeItem>;
export const oeePage = pageOf(oeeItem);
export type OeePage = z.output<typeof oeePage>;

/** The running shift of a site; null where no shift is planned now. */
export const liveShift = z.object({
  site_id: id,
  shift_instance_id: id,
  name: z.string(),
  production_date: z.iso.date(),
  started_at: timestamp,
  ended_at: timestamp,
});
export type LiveShift = z.output<typeof liveShift>;

export const liveOeeRow = z.object({ id, basis: oeeBasis, computed_to: timestamp, figures: oeeFigures });
export type LiveOeeRow = z.output<typeof liveOeeRow>;

/** OEE of the running shift. Units without a running shift or without any slice yet are absent. */
export const liveOee = z.object({
  server_time: timestamp,
  shifts: z.array(liveShift),
  sites: z.array(liveOeeRow),
  lines: z.array(liveOeeRow),
  machines: z.array(liveOeeRow),
});
export type LiveOee = z.output<typeof liveOee>;
