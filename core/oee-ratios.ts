/**
 * Additive components of OEE. They may be summed over slices, shifts, products and machines in any grouping; ratios are
 * formed only afterwards, because the mean of percentages is not the percentage of the sum.
 */
export interface OeeComponents {
  /** Planned busy time (ISO 22400 PBT): the shift without breaks, planned stops and time without data. */
  planned_seconds: number;
  /** Actual production time (APT). */
  running_seconds: number;
  /** Actual unit setup time (AUST). An availability loss in OEE, none in NEE. */
  setup_seconds: number;
  no_data_seconds: number;
  total_count: number;
  good_count: number;
  /** Planned run time per item times total (or good) pieces; null when a produced product or the line has no ideal cycle. */
  ideal_total_seconds: number | null;
  ideal_good_seconds: number | null;
}

/** What a reader should know before trusting a ratio. */
export type OeeFlag =
  /** Performance above 1 by more than one piece: the ideal cycle is longer than the machine needs. It is kept as it is. */
  | 'ideal_cycle_too_slow'
  /** Pieces were counted although the machine never ran: counter or state is wrong. */
  | 'counted_without_running'
  /** More good pieces than pieces, or a negative count. */
  | 'counts_contradict'
  /** A produced product, or the whole line, has no ideal cycle, so performance and OEE are unknown. */
  | 'no_ideal_cycle';

export interface OeeRatios {
  availability: number | null;
  /** ISO 22400 calls it effectiveness. May exceed 1; pages cap it when they draw, never here. */
  performance: number | null;
  quality: number | null;
  oee: number | null;
  /** Net equipment effectiveness: like OEE, but setup is no availability loss. */
  nee: number | null;
  /** The part of planned and unknown time that is known: planned / (planned + no data). */
  coverage: number | null;
  flags: OeeFlag[];
}

/** The components of several slices as one. An unknown ideal time anywhere makes the sum's unknown. */
export function sumComponents(parts: Iterable<OeeComponents>): OeeComponents {
  const sum: OeeComponents = {
    planned_seconds: 0,
    running_seconds: 0,
    setup_seconds: 0,
    no_data_seconds: 0,
    total_count: 0,
    good_count: 0,
    ideal_total_seconds: 0,
    ideal_good_seconds: 0,
  };
  for (const part of parts) {
    sum.planned_seconds += part.planned_seconds;
    sum.running_seconds += part.running_seconds;
    sum.setup_seconds += part.setup_seconds;
    sum.no_data_seconds += part.no_data_seconds;
    sum.total_count += part.total_count;
    sum.good_count += part.good_count;
    sum.ideal_total_seconds = add(sum.ideal_total_seconds, part.ideal_total_seconds);
    sum.ideal_good_seconds = add(sum.ideal_good_seconds, part.ideal_good_seconds);
  }
  return sum;
}

/**
 * The ratios of summed components (ISO 22400-2, and Nakajima's OEE under the same policy):
 * A = running / planned, P = ideal total / running, Q = ideal good / ideal total, OEE = ideal good / planned.
 *
 * Q is weighted by ideal time, because a piece-weighted quality does not multiply out over products with different
 * cycles; with one product both are good / total. Without an ideal cycle Q falls back to pieces, and P and OEE are null.
 * Nothing planned: all null. Nothing run and nothing made: A and OEE are 0, P and Q null.
 */
export function oeeRatios(components: OeeComponents): OeeRatios {
  const { planned_seconds, running_seconds, setup_seconds, no_data_seconds, total_count, good_count } = components;
  const { ideal_total_seconds: idealTotal, ideal_good_seconds: idealGood } = components;
  const flags: OeeFlag[] = [];
  if (running_seconds <= 0 && total_count > 0) flags.push('counted_without_running');
  if (good_count > total_count || good_count < 0) flags.push('counts_contradict');
  if (idealTotal === null || idealGood === null) flags.push('no_ideal_cycle');

  const coverage = ratio(planned_seconds, planned_seconds + no_data_seconds);
  const availability = ratio(running_seconds, planned_seconds);
  const performance =
    idealTotal === null || (total_count === 0 && running_seconds <= 0) ? null : ratio(idealTotal, running_seconds);
  // One piece more than the time allows is no contradiction: it was begun before the time that is looked at.
  const onePieceSeconds = idealTotal === null || total_count <= 0 ? 0 : idealTotal / total_count;
  if (performance !== null && (idealTotal ?? 0) - onePieceSeconds > running_seconds) flags.push('ideal_cycle_too_slow');
  const quality =
    idealTotal !== null && idealGood !== null && idealTotal > 0
      ? idealGood / idealTotal
      : ratio(good_count, total_count);
  const oee = idealGood === null ? null : ratio(idealGood, planned_seconds);
  const effective = performance === null || quality === null ? null : performance * quality;
  const busy = ratio(running_seconds + setup_seconds, planned_seconds);
  const nee =
    busy === null || idealGood === null
      ? null
      : running_seconds <= 0
        ? 0
        : effective === null
          ? null
          : busy * effective;
  return { availability, performance, quality, oee, nee, coverage, flags };
}

function ratio(part: number, whole: number): number | null {
  return whole > 0 ? part / whole : null;
}

function add(sum: number | null, part: number | null): number | null {
  return sum === null || part === null ? null : sum + part;
}
