import { useComputed } from '@preact/signals';
import type { LiveOeeRow, LiveShift, OeeFigures } from '../../api/schemas/oee.ts';
import { formatPercent, formatPercentNumber, unknownFigure } from '../format/numbers.ts';
import { formatDuration } from '../format/times.ts';
import { coverageState } from '../live/staleness.ts';

export type Ratio = 'oee' | 'availability' | 'performance' | 'quality';
export const ratioNames: Record<Ratio, string> = {
  oee: 'OEE',
  availability: 'Availability',
  performance: 'Performance',
  quality: 'Quality',
};

/** Of less than a hundredth of the time: what is known says nothing about the rest. */
const leastCoverage = 0.01;

/** A ratio, or null when it has no meaning, nothing was planned, or as good as nothing was heard. */
export function shownRatio(figures: OeeFigures | null | undefined, ratio: Ratio): number | null {
  return figures == null || figures.coverage === null || figures.coverage < leastCoverage ? null : figures[ratio];
}

/** Whether less than half of the data came in: the figure is true for that part only and is drawn accordingly. */
export function isThin(figures: OeeFigures | null | undefined): boolean {
  return figures != null && coverageState(figures.coverage) === 'thin';
}

const flagNotes: Record<OeeFigures['flags'][number], string> = {
  ideal_cycle_too_slow: 'check ideal cycle',
  no_ideal_cycle: 'ideal cycle missing',
  counted_without_running: 'counted while stopped',
  counts_contradict: 'good > total',
};

/** A shift without figures for longer than this has not just begun. */
const firstFiguresMs = 300_000;

/** What must be said beside the figures: how much data is missing, or what master data makes them wrong. */
export function figuresNote(
  row: LiveOeeRow | null,
  shift: LiveShift | null,
  nowMs: number,
): { text: string; tone: 'plain' | 'minor' } | null {
  if (row === null && shift !== null) {
    const isNew = nowMs - Date.parse(shift.started_at) < firstFiguresMs;
    return { text: isNew ? 'shift just began' : 'no figures yet', tone: 'plain' };
  }
  const figures = row?.figures ?? null;
  if (row === null || figures === null || figures.coverage === null) return { text: 'not scheduled', tone: 'plain' };
  const coverage = coverageState(figures.coverage);
  if (figures.coverage < leastCoverage) return { text: 'hardly any data', tone: 'minor' };
  if (coverage !== 'full') return { text: `only ${formatPercent(figures.coverage, 0)} data`, tone: 'minor' };
  // Time before the first reading is neither planned nor missing, so coverage alone would call a minute a whole shift.
  const heard = heardSeconds(figures);
  const elapsed = shift === null ? 0 : (Date.parse(row.computed_to) - Date.parse(shift.started_at)) / 1000;
  if (heard < elapsed / 2) return { text: `only ${formatDuration(heard)} heard`, tone: 'plain' };
  const [flag] = figures.flags;
  return flag === undefined ? null : { text: flagNotes[flag], tone: 'minor' };
}

/** Breaks are not in it, hence a shift is never expected to be heard whole. */
function heardSeconds(figures: OeeFigures): number {
  return figures.planned_seconds + figures.planned_stop_seconds + figures.no_data_seconds;
}

/** What could have been made in the planned time so far at the ideal cycle; null when no ideal cycle is known. */
export function idealCount(figures: OeeFigures): number | null {
  const { ideal_total_seconds: ideal, total_count: total, planned_seconds: planned } = figures;
  return ideal === null || ideal <= 0 || total <= 0 ? null : (planned * total) / ideal;
}

/** A ratio as number over bar. Reads a function so that only this number and this bar change with it. */
export function Meter({
  read,
  ratio,
  unit = false,
}: {
  read: () => OeeFigures | null | undefined;
  ratio: Ratio;
  unit?: boolean;
}) {
  const text = useComputed(() => {
    const value = shownRatio(read(), ratio);
    return unit && value !== null ? formatPercent(value) : formatPercentNumber(value);
  });
  // Above 100 % the bar is full; the number and the note beside it say what is wrong.
  const style = useComputed(
    () => `transform:scaleX(${Math.min(1, Math.max(0, shownRatio(read(), ratio) ?? 0)).toFixed(3)})`,
  );
  const look = useComputed(
    () =>
      `meter meter-${ratio}${text.value === unknownFigure ? ' meter-none' : ''}${isThin(read()) ? ' meter-thin' : ''}`,
  );
  return (
    <span class={look}>
      <span class="meter-number">{text}</span>
      <span class="meter-bar" aria-hidden="true">
        <span style={style} />
      </span>
    </span>
  );
}
