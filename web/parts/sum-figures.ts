import type { OeeFigures } from '../../api/schemas/oee.ts';

/** The parts of OEE that may be added up. */
const additive = [
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
] as const;

/**
 * The figures of several units together: the additive components are summed and the ratios formed from the sums
 * (ISO 22400), never averaged. Null without any unit. Units without an ideal cycle are left
 * out, as the API does for a site; P, Q and OEE are unknown where all are such.
 */
export function sumFigures(units: (OeeFigures | null)[]): OeeFigures | null {
  const heard = units.filter((figures) => figures !== null);
  const measured = heard.filter((figures) => figures.ideal_total_seconds !== null);
  const known = measured.length > 0 ? measured : heard;
  const [first] = known;
  if (first === undefined) return null;
  const sum: OeeFigures = { ...first, flags: [...new Set(known.flatMap((figures) => figures.flags))] };
  for (const name of additive) sum[name] = known.reduce((all, figures) => all + figures[name], 0);
  for (const name of ['ideal_total_seconds', 'ideal_good_seconds'] as const)
    sum[name] = known.reduce<number | null>(
      (all, { [name]: one }) => (all === null || one === null ? null : all + one),
      0,
    );
  const {
    planned_seconds: planned,
    running_seconds: running,
    ideal_total_seconds: ideal,
    ideal_good_seconds: good,
  } = sum;
  sum.availability = ratio(running, planned);
  sum.performance = ratio(ideal, running);
  sum.quality = ratio(good, ideal);
  sum.oee = ratio(good, planned);
  sum.nee = null;
  // What was heard of, weighted by how long each unit was planned.
  const covered = known.reduce(
    (all, figures) => all + (figures.coverage ?? 0) * (figures.planned_seconds + figures.no_data_seconds),
    0,
  );
  sum.coverage = ratio(covered, planned + sum.no_data_seconds);
  return sum;
}

function ratio(part: number | null, whole: number | null): number | null {
  return part === null || whole === null || whole <= 0 ? null : part / whole;
}
