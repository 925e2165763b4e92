import type { GapRow } from '../../api/schemas/ledger.ts';

export interface SignalGaps {
  /** Any gap of the signal, for what it says of the signal itself. */
  signal: GapRow;
  gaps: GapRow[];
  /** Readings that the gaps should have held, and that did not come. */
  expected: number;
  missing: number;
}

/** The gaps of each signal together, the signal with the most readings missing first. */
export function signalGaps(rows: readonly GapRow[]): SignalGaps[] {
  const bySignal = new Map<number, SignalGaps>();
  for (const row of rows) {
    const entry = bySignal.get(row.signal_id) ?? { signal: row, gaps: [], expected: 0, missing: 0 };
    bySignal.set(row.signal_id, entry);
    entry.gaps.push(row);
    entry.expected += row.expected;
    // An hour may hold more than it promised (two of a slow signal); that makes up for nothing elsewhere.
    entry.missing += Math.max(0, row.expected - row.stored);
  }
  return [...bySignal.values()].sort((left, right) => right.missing - left.missing);
}
