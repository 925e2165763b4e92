import type { Connection } from '../../core/database.ts';
import type { Protocol } from '../../core/reading.ts';
import type { Journal } from '../journal/journal.ts';
import { decodeFrame } from '../journal/record.ts';
import type { SignalRegistry } from '../resolve/signal-registry.ts';
import { takeParked } from './backfill.ts';
import { collectBatch, emptyBatch, textsOf, type Batch, type SequencedEntry } from './batch.ts';
import { takeRejected } from './replay.ts';
import type { TextValues } from './text-values.ts';

/** What one transaction takes from the journal: records of receivers, or one order to back-fill or to replay. */
export type Work = {
  readings: number;
  /** Of its last record: the sequence, and the journal's count. */
  sequence: number;
  total: number;
} & (
  | {
      kind: 'intake';
      entries: SequencedEntry[];
      /** The database refused its only entry: what is to blame for it is sought. */
      isolate?: true;
    }
  | { kind: 'backfill'; protocol: Protocol; address: string; tried?: true }
  | { kind: 'replay'; tried?: true }
  /** An order that the database refuses: what it was about stays where it is. */
  | { kind: 'given up' }
);

/** Bytes of journal records that one transaction takes at most, beside its readings. */
const mostBytes = 32 * 1024 * 1024;
/**
 * A transaction takes up to so many times FLUSH_ROWS when more waits, which happens only while the database is behind:
 * each moves the latest value of every signal in it, which for 1,800 signals is 0.54 µs of the server's CPU a reading
 * with 20,000 readings in it, and 0.16 µs with 60,000. Bigger ones gain nothing more, and let readings wait longer.
 */
const mostFlushes = 3;

export interface WorkReader {
  /**
   * The next records of the journal that fit one transaction; an order stands alone. Undefined when there is nothing.
   * Asked when the last ones are committed, not while they are being stored: reading takes 0.6 % of the time of storing,
   * and whoever reads later finds more to take at once.
   */
  read(): Promise<Work | undefined>;
  /** An order was read behind the last records and comes next. */
  readonly holdsOrder: boolean;
}

export function createWorkReader(journal: Journal, flushRows: number): WorkReader {
  let held: Work | undefined;

  async function collect(): Promise<Work | undefined> {
    const entries: SequencedEntry[] = [];
    let readings = 0;
    let bytes = 0;
    while (readings < mostFlushes * flushRows && bytes < mostBytes) {
      const frame = await journal.read();
      if (frame === undefined) break;
      bytes += frame.payload.length;
      const entry = decodeFrame(frame, journal.skipped);
      if (entry.kind !== 'intake') {
        const order = { ...entry, readings: 0, sequence: frame.sequence, total: frame.total };
        if (entries.length === 0) return order;
        held = order;
        break;
      }
      readings += frame.readings;
      entries.push({ sequence: frame.sequence, readings: frame.readings, total: frame.total, entry });
    }
    const last = entries.at(-1);
    return last === undefined
      ? undefined
      : { kind: 'intake', entries, readings, sequence: last.sequence, total: last.total };
  }

  return {
    async read() {
      if (held !== undefined) {
        const work = held;
        held = undefined;
        return work;
      }
      try {
        return await collect();
      } catch (error) {
        // The records before the failure were read and are in nobody's hands: without this the next commit would free them.
        held = undefined;
        await journal.rewind();
        throw error;
      }
    },
    get holdsOrder() {
      return held !== undefined;
    },
  };
}

export interface CollectedWork {
  batch: Batch;
  /** Texts and their ids, for the cache when the transaction has committed. */
  resolved: Map<string, number>;
  /** Parked readings that were taken out. */
  taken: number;
  /** One transaction was not enough: order the same again. */
  more: boolean;
}

/** The batch of a piece of work, within the caller's transaction. `entries` are those of its records not yet committed. */
export async function collectWork(
  connection: Connection,
  work: Work,
  entries: readonly SequencedEntry[],
  context: {
    organizationId: number;
    registry: SignalRegistry;
    texts: TextValues;
    nowMs: number;
    farFutureHours: number;
  },
): Promise<CollectedWork> {
  const { organizationId, registry, texts } = context;
  if (work.kind === 'intake') {
    const resolved = await texts.resolve(connection, organizationId, textsOf(entries));
    return { batch: collectBatch(entries, (text) => resolved.get(text)), resolved, taken: 0, more: false };
  }
  if (work.kind === 'given up') return nothingAt(work.sequence);
  if (work.kind === 'replay') {
    const replayed = await takeRejected(connection, { ...context, sequence: work.sequence });
    return { ...replayed, taken: 0 };
  }
  const signal = registry.find(work.protocol, work.address);
  if (signal === undefined) return nothingAt(work.sequence);
  return takeParked(connection, organizationId, work.sequence, work.protocol, work.address, signal, texts);
}

function nothingAt(sequence: number): CollectedWork {
  return { batch: emptyBatch(sequence, 0), resolved: new Map(), taken: 0, more: false };
}

/** Whether it can be taken in smaller pieces: a single entry can be taken apart, an order be given up. */
export function canSplit(work: Work): boolean {
  return work.kind !== 'given up' && !(work.kind === 'intake' && work.isolate === true);
}

/**
 * Work that was refused, in smaller pieces: by halves to the single journal entry, then into it. An order is given up the
 * second time: the first refusal may come of a partition or a source that was there when it was last looked at.
 */
export function splitWork(work: Work): Work[] {
  if (work.kind === 'given up') return [work];
  if (work.kind !== 'intake') return [work.tried === true ? { ...work, kind: 'given up' } : { ...work, tried: true }];
  if (work.entries.length === 1) return [{ ...work, isolate: true }];
  const middle = work.entries.length >>> 1;
  return [work.entries.slice(0, middle), work.entries.slice(middle)].map((entries) => ({
    kind: 'intake',
    entries,
    readings: entries.reduce((sum, { readings }) => sum + readings, 0),
    sequence: entries.at(-1)?.sequence ?? 0,
    total: entries.at(-1)?.total ?? 0,
  }));
}
