/**
 * What a cumulative counter gained between two readings, in pieces.
 *
 * - The first value only sets the mark: the pieces before we listened are not ours.
 * - Below the last value and the last value near the rollover: it rolled over, modulo rollover + 1 (PackTags start again
 *   at 0 after 2,147,483,647).
 * - At most half of the last value: it was reset and counted on from 0.
 * - A little below the last value: somebody corrected it; nothing was made, the mark moves.
 */
export function counterGain(last: number, value: number, rollover: number | null): number {
  if (Number.isNaN(last)) return 0;
  if (value >= last) return value - last;
  if (rollover !== null && last > rollover * 0.9 && value < rollover * 0.1) return value - last + rollover + 1;
  return value <= last / 2 ? value : 0;
}

/** What a counter counts; any two of the three are enough. */
export const counterQuantities = ['good', 'reject', 'total'] as const;
export type CounterQuantity = (typeof counterQuantities)[number];

export function isCounterQuantity(quantity: string): quantity is CounterQuantity {
  return counterQuantities.some((known) => known === quantity);
}

/** How one piece on a counter changes the three counts of its machine, given which counters the machine has. */
export interface CountWeights {
  total: number;
  good: number;
  reject: number;
}

/**
 * The counts that a machine does not count itself follow from the others: total = good + reject. Because the relation
 * is linear, each counter's gain can be added by itself, in any order and minute.
 */
export function countWeights(quantity: CounterQuantity, machineHas: ReadonlySet<CounterQuantity>): CountWeights {
  switch (quantity) {
    case 'good':
      if (!machineHas.has('total')) return { total: 1, good: 1, reject: 0 };
      return machineHas.has('reject') ? { total: 0, good: 1, reject: 0 } : { total: 0, good: 1, reject: -1 };
    case 'reject':
      if (!machineHas.has('total')) return { total: 1, good: 0, reject: 1 };
      return machineHas.has('good') ? { total: 0, good: 0, reject: 1 } : { total: 0, good: -1, reject: 1 };
    case 'total': {
      if (!machineHas.has('good')) return { total: 1, good: 1, reject: 0 };
      return machineHas.has('reject') ? { total: 1, good: 0, reject: 0 } : { total: 1, good: 0, reject: 1 };
    }
  }
}
