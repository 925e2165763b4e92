import type { ReadingColumns } from '../../core/reading-columns.ts';
import type { LiveSignal } from '../queries/live-values.ts';
import type { ValuesEvent } from '../schemas/stream.ts';
import { isInScope, type Scope } from './scope.ts';

/** The newest reading of every signal of one organization, as columns, and which of them changed since the last tick. */
export interface LatestValues {
  readonly signals: readonly LiveSignal[];
  /** Takes over the first `liveRows` readings where they are not older than what is known; other signals are passed over. */
  apply(readings: ReadingColumns, liveRows: number): void;
  /** What changed and is in the scope, or null. */
  changed(scope: Scope): ValuesEvent | null;
  all(scope: Scope): ValuesEvent;
  /** Ends the tick: nothing has changed any more. */
  settle(): void;
}

export function createLatestValues(signals: readonly LiveSignal[]): LatestValues {
  const indexOf = new Map(signals.map((signal, index) => [signal.signal_id, index]));
  const timeMs = Float64Array.from(signals, (signal) => signal.time_ms ?? Number.NEGATIVE_INFINITY);
  const value = Float64Array.from(signals, (signal) => signal.value ?? Number.NaN);
  const quality = Int16Array.from(signals, (signal) => signal.quality ?? 0);
  const isDirty = new Uint8Array(signals.length);
  let dirty: number[] = [];

  function toEvent(indexes: Iterable<number>, scope: Scope): ValuesEvent {
    const event: ValuesEvent = { signal_id: [], value: [], time_ms: [], quality: [] };
    for (const index of indexes) {
      const signal = signals[index];
      const time = timeMs[index];
      if (signal === undefined || time === undefined || time === Number.NEGATIVE_INFINITY || !isInScope(scope, signal))
        continue;
      const number = value[index];
      event.signal_id.push(signal.signal_id);
      event.value.push(number !== undefined && Number.isFinite(number) ? number : null);
      event.time_ms.push(time);
      event.quality.push(quality[index] ?? 0);
    }
    return event;
  }

  return {
    signals,
    apply(readings, liveRows) {
      for (let row = 0; row < liveRows; row++) {
        const index = indexOf.get(readings.signal_id[row] ?? -1);
        if (index === undefined) continue;
        const time = (readings.time_us[row] ?? 0) / 1000;
        // Late readings land in the database; what is newest is not changed by them.
        if (time < (timeMs[index] ?? 0)) continue;
        timeMs[index] = time;
        value[index] = readings.value[row] ?? Number.NaN;
        quality[index] = readings.quality[row] ?? 0;
        if (isDirty[index] === 0) {
          isDirty[index] = 1;
          dirty.push(index);
        }
      }
    },
    changed(scope) {
      if (dirty.length === 0) return null;
      const event = toEvent(dirty, scope);
      return event.signal_id.length === 0 ? null : event;
    },
    all: (scope) => toEvent(signals.keys(), scope),
    settle() {
      for (const index of dirty) isDirty[index] = 0;
      dirty = [];
    },
  };
}
