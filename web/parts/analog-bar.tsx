import { type ReadonlySignal, useComputed } from '@preact/signals';
import type { MachineSignal } from '../../api/schemas/signal.ts';

/**
 * Where a value lies between the ends of its range and its limits (ISA-101's moving analog indicator). Nothing is
 * drawn for a value that is not known.
 */
export function AnalogBar({ signal, value }: { signal: MachineSignal; value: ReadonlySignal<number | null> }) {
  const ends = barEnds(signal);
  const at = (x: number): number =>
    ends === null ? 0 : Math.min(1, Math.max(0, (x - ends[0]) / (ends[1] - ends[0]))) * 100;
  const pointer = useComputed(() =>
    value.value === null || ends === null ? 'display:none' : `left:${at(value.value).toFixed(1)}%`,
  );
  const beyond = useComputed(() => {
    const x = value.value;
    if (x === null) return 'analog';
    if (isBeyond(x, signal.limit_low_low, signal.limit_high_high)) return 'analog analog-down';
    return isBeyond(x, signal.limit_low, signal.limit_high) ? 'analog analog-minor' : 'analog';
  });
  if (ends === null) return <span class="analog analog-none" aria-hidden="true" />;
  const zones: [number | null, number | null, string][] = [
    [ends[0], signal.limit_low_low, 'down'],
    [signal.limit_low_low ?? ends[0], signal.limit_low, 'minor'],
    [signal.limit_high, signal.limit_high_high ?? ends[1], 'minor'],
    [signal.limit_high_high, ends[1], 'down'],
  ];
  return (
    <span class={beyond} aria-hidden="true">
      {zones.map(([from, to, tone], index) =>
        from === null || to === null ? null : (
          <span
            key={index}
            class={`analog-zone analog-zone-${tone}`}
            style={`left:${at(from)}%;width:${at(to) - at(from)}%`}
          />
        ),
      )}
      <span class="analog-pointer" style={pointer} />
    </span>
  );
}

/** The ends of the bar: the plausible range, else the limits with a fifth of their span around them. */
export function barEnds(
  signal: Pick<
    MachineSignal,
    'range_low' | 'range_high' | 'limit_low_low' | 'limit_low' | 'limit_high' | 'limit_high_high'
  >,
): [number, number] | null {
  const { range_low, range_high } = signal;
  if (range_low !== null && range_high !== null && range_high > range_low) return [range_low, range_high];
  const limits = [signal.limit_low_low, signal.limit_low, signal.limit_high, signal.limit_high_high].filter(
    (limit) => limit !== null,
  );
  if (limits.length < 2) return null;
  const [low, high] = [Math.min(...limits), Math.max(...limits)];
  return [low - (high - low) / 5, high + (high - low) / 5];
}

/** Whether a value is outside two limits, of which either may be missing. */
export function isBeyond(value: number, low: number | null, high: number | null): boolean {
  return (low !== null && value < low) || (high !== null && value > high);
}
