import type { Ledger } from './schemas/ledger.ts';

type Source = Ledger['sources'][number];

/**
 * Whether the books balance: every reading received from a source, and not waiting in a journal, has exactly one end.
 * The counts of both sides are written by different parts of ingest (the receiver and the store), in one transaction
 * with the readings themselves; a difference therefore means that a reading was lost or counted twice.
 */
export function judgeBalance(sources: readonly Source[]): Pick<Ledger, 'balanced' | 'differences'> {
  const differences = sources.flatMap((source) => {
    const { source_id, source_name, received } = source;
    const ends = source.stored + source.duplicate + source.rejected + source.parked + source.dropped;
    const difference = received - ends;
    if (difference === 0) return [];
    const sentence =
      difference > 0
        ? `${difference} of ${received} readings received from ${source_name} are neither stored, duplicate, rejected, parked nor dropped.`
        : `${source_name} has ${-difference} readings more stored, duplicate, rejected, parked or dropped than received.`;
    return [{ source_id, source_name, difference, sentence }];
  });
  return { balanced: differences.length === 0, differences };
}
