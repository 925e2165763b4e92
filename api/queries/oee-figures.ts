import { oeeRatios } from '../../core/oee-ratios.ts';
import type { OeeFigures, OeeLevel } from '../schemas/oee.ts';

/** Sums of oee_slice columns as they come from `figureSums`. */
export type FigureSums = Omit<
  OeeFigures,
  'availability' | 'performance' | 'quality' | 'oee' | 'nee' | 'coverage' | 'flags'
>;

const summed = [
  'planned_seconds',
  'running_seconds',
  'idle_seconds',
  'starved_seconds',
  'held_seconds',
  'setup_seconds',
  'down_seconds',
  'planned_stop_seconds',
  'no_data_seconds',
  'total_count',
  'good_count',
  'reject_count',
  'ideal_total_seconds',
  'ideal_good_seconds',
] as const;
const isKnown = 'o.ideal_total_seconds is not null and o.ideal_good_seconds is not null';

/**
 * The additive components of the slices `o` in a group. In a machine or line an unknown ideal time makes the sum's
 * unknown. A site leaves such slices out, with all their components, so that its A × P × Q is that of what can be
 * measured; where nothing can, it has their times and no P and OEE (docs/oee.md).
 */
export function figureSums(level: OeeLevel): string {
  return summed
    .map((name) => {
      const all = name.startsWith('ideal')
        ? `case when bool_and(${isKnown}) then sum(o.${name}) end`
        : `sum(o.${name})`;
      if (level !== 'site') return `${all} as ${name}`;
      return `case when bool_or(${isKnown}) then sum(o.${name}) filter (where ${isKnown}) else ${all} end as ${name}`;
    })
    .join(', ');
}

/**
 * Which machines speak for a line (and so for its site): the constraint, because pooling the stations of a serial line
 * would count each piece several times; all machines where no constraint is marked. On the alias `m`.
 */
export const speaksForLine =
  '(m.is_constraint or not exists (select from machine k where k.line_id = m.line_id and k.is_constraint))';

/** What identifies a unit of a level on the aliases m, l, s. */
export const levelColumns: Record<OeeLevel, string> = {
  site: 's.site_id as id, s.name, s.title, s.site_id, null::int as line_id',
  line: 'l.line_id as id, l.name, l.title, s.site_id, l.line_id',
  machine: 'm.machine_id as id, m.name, m.title, s.site_id, l.line_id',
};
export const levelKey: Record<OeeLevel, string> = {
  site: 's.site_id',
  line: 'l.line_id, s.site_id',
  machine: 'm.machine_id, l.line_id, s.site_id',
};

export function basisSql(level: OeeLevel): string {
  return level === 'machine'
    ? `'machine'`
    : `case when bool_and(m.is_constraint) then 'constraint' else 'all_machines' end`;
}

/** Sums and the ratios formed from them. */
export function toFigures(sums: FigureSums): OeeFigures {
  const { availability, performance, quality, oee, nee, coverage, flags } = oeeRatios(sums);
  const { planned_seconds, running_seconds, idle_seconds, starved_seconds, held_seconds, setup_seconds } = sums;
  const { down_seconds, planned_stop_seconds, no_data_seconds, total_count, good_count, reject_count } = sums;
  const { ideal_total_seconds, ideal_good_seconds } = sums;
  return {
    planned_seconds,
    running_seconds,
    idle_seconds,
    starved_seconds,
    held_seconds,
    setup_seconds,
    down_seconds,
    planned_stop_seconds,
    no_data_seconds,
    total_count,
    good_count,
    reject_count,
    ideal_total_seconds,
    ideal_good_seconds,
    availability,
    performance,
    quality,
    oee,
    nee,
    coverage,
    flags,
  };
}
