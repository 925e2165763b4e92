import { isAbort } from '../states/packml.ts';
import type { MachineState } from '../states/packml.ts';
import { chiSquareQuantile } from './chi-square.ts';

/** Figures of one machine, or of several pooled (sum the times and counts, then estimate). Times in seconds. */
export interface ReliabilityCounts {
  operating_seconds: number;
  /** Down because of failures, inside the window. */
  down_seconds: number;
  no_data_seconds: number;
  /** Failures that began in the window. */
  failures: number;
  /** Those of them whose repair ended in the window, and how long these repairs took together. */
  repairs: number;
  repair_seconds: number;
}

export interface ReliabilityEstimate {
  mtbf_operating_seconds: number | null;
  mtbf_operating_lower_seconds: number;
  mtbf_operating_upper_seconds: number | null;
  mttr_restore_seconds: number | null;
  availability: number | null;
}

export interface StateSpan {
  started_ms: number;
  /** null: still open. */
  ended_ms: number | null;
  /** unscheduled: no shift was planned, and the machine neither ran nor stood by a failure. */
  state: MachineState | 'unscheduled';
  packml_state: number | null;
  fault_code: number | null;
}

/**
 * Estimates after NIST/SEMATECH 8.4.5.1: MTBF = operating time / failures, with the two-sided interval
 * [2T/χ²(1−α/2; 2r+2), 2T/χ²(α/2; 2r)]. Without failures MTBF is unknown (null, never infinite and never the window's
 * length), and the lower bound is the one-sided T/−ln α. MTTR is the mean of the repairs that have ended.
 * `confidence` 0.9 gives a 90 % interval, and without failures the 95 % one-sided bound (half of α on each side).
 */
export function estimateReliability(counts: ReliabilityCounts, confidence = 0.9): ReliabilityEstimate {
  const { operating_seconds: time, failures, repairs } = counts;
  const tail = (1 - confidence) / 2;
  const busy = time + counts.down_seconds;
  return {
    mtbf_operating_seconds: failures > 0 ? time / failures : null,
    mtbf_operating_lower_seconds:
      failures > 0 ? (2 * time) / chiSquareQuantile(1 - tail, 2 * failures + 2) : time / -Math.log(tail),
    mtbf_operating_upper_seconds: failures > 0 ? (2 * time) / chiSquareQuantile(tail, 2 * failures) : null,
    mttr_restore_seconds: repairs > 0 ? counts.repair_seconds / repairs : null,
    availability: busy > 0 ? time / busy : null,
  };
}

/** Whether a down interval is a failure: it has a fault code, or the machine aborted; without a fault signal every stop is one. */
export function isFailure(span: StateSpan, hasFaultSignal: boolean): boolean {
  if (span.state !== 'down') return false;
  return !hasFaultSignal || span.fault_code !== null || (span.packml_state !== null && isAbort(span.packml_state));
}

const notOperating = new Set<StateSpan['state']>(['down', 'planned_stop', 'unscheduled']);

/**
 * Counts one machine's figures in [fromMs, toMs) from its state intervals (ascending, without overlap). Operating is
 * every known state that is neither down, a planned stop nor unscheduled; stops that are no failures are neither. Failures that
 * touch, or have only silence between them, are one. A failure belongs to the window in which it started; one that is
 * still open counts as a failure, and its time as down, but not in the mean repair.
 */
export function countReliability(
  spans: readonly StateSpan[],
  fromMs: number,
  toMs: number,
  hasFaultSignal: boolean,
): ReliabilityCounts {
  const counts: ReliabilityCounts = {
    operating_seconds: 0,
    down_seconds: 0,
    no_data_seconds: 0,
    failures: 0,
    repairs: 0,
    repair_seconds: 0,
  };
  let failure: { started_ms: number; down_ms: number } | undefined;
  function close(endMs: number): void {
    if (failure !== undefined && failure.started_ms >= fromMs && endMs < toMs) {
      counts.repairs++;
      counts.repair_seconds += failure.down_ms / 1000;
    }
    failure = undefined;
  }
  for (const span of spans) {
    const ended = span.ended_ms ?? toMs;
    const inside = Math.max(0, Math.min(ended, toMs) - Math.max(span.started_ms, fromMs)) / 1000;
    if (isFailure(span, hasFaultSignal)) {
      if (failure === undefined) {
        failure = { started_ms: span.started_ms, down_ms: 0 };
        if (span.started_ms >= fromMs && span.started_ms < toMs) counts.failures++;
      }
      failure.down_ms += ended - span.started_ms;
      counts.down_seconds += inside;
      continue;
    }
    if (span.state === 'no_data') {
      counts.no_data_seconds += inside;
      continue;
    }
    close(span.started_ms);
    if (!notOperating.has(span.state)) counts.operating_seconds += inside;
  }
  const last = spans.at(-1);
  if (last?.ended_ms != null && isFailure(last, hasFaultSignal)) close(last.ended_ms);
  return counts;
}
