import type { Batch } from '../store/batch.ts';

/** Measures receive time minus source time for each source: transport delay plus the difference of the clocks. */
export interface SkewMeter {
  /**
   * Takes the newest live reading of each part of a stored batch as a sample: older ones beside it waited for it at
   * their sender, which says nothing about its clock (lines that sent two rows a message were 2 s "off").
   */
  note(batch: Batch): void;
  /** Median of the last samples of a source in milliseconds, or null without any. */
  median(protocol: string, name: string): number | null;
}

/** So many samples make the median steady against late readings and still follow a clock that was set. */
const samples = 101;

export function createSkewMeter(): SkewMeter {
  const bySource = new Map<string, number[]>();
  return {
    note(batch) {
      const newestUs = new Float64Array(batch.parts.length).fill(Number.NEGATIVE_INFINITY);
      for (let row = 0; row < batch.live_rows; row++) {
        const index = batch.part_of_row[row] ?? 0;
        const timeUs = batch.columns.time_us[row] ?? 0;
        if (timeUs > (newestUs[index] ?? 0)) newestUs[index] = timeUs;
      }
      for (const [index, part] of batch.parts.entries()) {
        const timeUs = newestUs[index] ?? 0;
        if (timeUs === Number.NEGATIVE_INFINITY || part.untimed > 0) continue;
        const key = `${part.protocol}\t${part.name}`;
        const list = bySource.get(key) ?? [];
        list.push(part.received_at_ms - timeUs / 1000);
        if (list.length > samples) list.shift();
        bySource.set(key, list);
      }
    },
    median(protocol, name) {
      const list = bySource.get(`${protocol}\t${name}`);
      if (list === undefined || list.length === 0) return null;
      return [...list].sort((left, right) => left - right)[list.length >>> 1] ?? null;
    },
  };
}
