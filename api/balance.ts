import type { Ledger } from './schemas/ledger.ts';

type Source = Ledger['sources'][number];

/**
 * Whether the books balance: what was received and has no end yet (neither stored, duplicate, rejected nor parked) must
 * be what the gateways hold in their journals. A source with more ends than readings is wrong whatever the journal says.
 */
export function judgeBalance(sources: readonly Source[], inJournal: number): Pick<Ledger, 'balanced' | 'differences'> {
  const differences: Ledger['differences'] = [];
  let pending = 0;
  for (const source of sources) {
    const ends = source.stored + source.duplicate + source.rejected + source.parked;
    const difference = source.received - ends;
    pending += difference;
    if (difference >= 0) continue;
    differences.push({
      source_id: source.source_id,
      source_name: source.source_name,
      difference,
      sentence: `${source.source_name} has ${-difference} more readings stored, duplicate, rejected or parked than received.`,
    });
  }
  const unexplained = pending - inJournal;
  if (unexplained !== 0) {
    differences.push({
      source_id: null,
      source_name: '',
      difference: unexplained,
      sentence:
        unexplained > 0
          ? `${unexplained} readings were received and are neither stored, duplicate, rejected, parked nor in a journal.`
          : `The journals hold ${-unexplained} readings more than were received and are not done with.`,
    });
  }
  return { balanced: differences.length === 0, differences };
}
