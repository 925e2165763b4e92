import { appendFileSync, mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { toTimestamp } from '../core/clock.ts';
import type { Breakdown } from './machines/breakdown.ts';

/**
 * One line of the truth file: what really is the matter with a machine, for comparing with what Millrace found out.
 * Each failure writes a line at its start, when it becomes detectable, at the breakdown and at the end of the repair;
 * `machine` and `started` name it, and its last line knows the most. Times are the plant's.
 */
export interface TruthLine {
  event: 'started' | 'detectable' | 'failed' | 'ended';
  machine: string;
  failure_mode: string;
  injected: boolean;
  hours: number;
  started: string;
  /** From here on a limit of the plant has been exceeded for as long as its delay asks; null so far. */
  detectable: string | null;
  detectable_signal: string | null;
  failed: string | null;
  ended: string | null;
}

/** Appends to `file`, which is made with its folder when missing. */
export function createTruth(
  file: string,
): (path: string, what: TruthLine['event'], breakdown: Breakdown, timeMs: number) => void {
  mkdirSync(dirname(file), { recursive: true });
  const time = (ms: number | undefined): string | null => (ms === undefined ? null : toTimestamp(ms));
  return (path, what, breakdown, timeMs) => {
    const line: TruthLine = {
      event: what,
      machine: path,
      failure_mode: breakdown.failure_mode,
      injected: breakdown.injected,
      hours: breakdown.hours,
      started: toTimestamp(breakdown.started_ms),
      detectable: time(breakdown.detectable_ms),
      detectable_signal: breakdown.detectable_signal ?? null,
      failed: time(breakdown.failed_ms),
      ended: what === 'ended' ? toTimestamp(timeMs) : null,
    };
    appendFileSync(file, `${JSON.stringify(line)}\n`);
  };
}
