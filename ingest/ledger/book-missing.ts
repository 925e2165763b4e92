import { readingsBetween } from '../journal/frame.ts';
import { findPart, type Batch, type Part, type SequencedEntry } from '../store/batch.ts';

/**
 * Books what the journal's own count says and its records do not hold, as received by a source of its own and without an
 * end: readings of a record that was lost between two others, or of one that holds other than it was counted to hold.
 * The rest of the books comes out of the records and would balance without it. `before` is the count at the last record
 * that was committed.
 */
export function bookMissing(
  batch: Batch,
  gatewayId: number,
  before: number,
  frames: readonly (Pick<SequencedEntry, 'readings' | 'total'> & { entry?: SequencedEntry['entry'] })[],
  nowMs: number,
): void {
  let total = before;
  let missing = 0;
  for (const frame of frames) {
    missing += readingsBetween(total, frame);
    total = frame.total;
    if (frame.entry !== undefined)
      missing += frame.readings - frame.entry.sources.reduce((sum, { received }) => sum + received, 0);
  }
  if (missing === 0) return;
  const parts = new Map<string, Part>();
  findPart(batch, parts, 'file', `journal of gateway ${gatewayId}`, nowMs).received += missing;
}
