import type { AlarmChange } from '../feed/outcome.ts';

/** How bad the condition itself is: 1 act now … 4 advisory. A PLC that reports a fault has stopped the machine. */
const severityOf: Record<AlarmChange['kind'], number> = {
  limit_low_low: 2,
  limit_high_high: 2,
  fault_code: 2,
  limit_low: 3,
  limit_high: 3,
  anomaly: 3,
};

export function alarmSeverity(kind: AlarmChange['kind']): number {
  return severityOf[kind];
}

/** Severity × criticality: one step more urgent on a critical (A) machine, one less on a C machine; 1..4. */
export function priorityOf(severity: number, criticality: 'A' | 'B' | 'C'): number {
  const step = { A: -1, B: 0, C: 1 }[criticality];
  return Math.min(4, Math.max(1, severity + step));
}

/** An anomaly is advice on every machine: what makes it work is a diagnosis, and that has a severity of its own. */
export function alarmPriority(kind: AlarmChange['kind'], criticality: 'A' | 'B' | 'C'): number {
  if (kind === 'anomaly') return 4;
  return priorityOf(severityOf[kind], criticality);
}
