import { frameBytes, sealFrame, segmentHeader, type Frame } from './frame.ts';
import type { JournalFiles } from './journal-files.ts';
import { decodeFrame, encodeIntake, type JournaledIntake, type OnUndecodable } from './record.ts';
import type { SegmentReader } from './segment-reader.ts';
import { emptyLike } from './source-intake.ts';

/** A record in place of others: without readings, but with their books. */
export interface DroppedRecord {
  record: Buffer;
  /** As of the last record that it stands for. */
  sequence: number;
  total: number;
  readings: number;
}

export interface Dropper {
  take(frame: Frame): void;
  /** What takes the place of the frames that were taken. */
  records(): DroppedRecord[];
  /** Readings thrown away that had not been before. */
  readonly dropped: number;
}

/**
 * Drops the readings of journal records and keeps their books: those of one minute of receipt become one record, in which
 * everything received counts as dropped. Orders stay, in their place; a record that cannot be decoded leaves its count.
 */
export function createDropper(onUndecodable: OnUndecodable): Dropper {
  const done: DroppedRecord[] = [];
  let open:
    | { minute: number; received_at_ms: number; sources: JournaledIntake[]; last: Frame; readings: number }
    | undefined;
  let dropped = 0;

  function close(): void {
    if (open === undefined) return;
    const { sequence, total } = open.last;
    done.push({ record: encodeIntake(open.received_at_ms, open.sources), sequence, total, readings: open.readings });
    open = undefined;
  }

  return {
    take(frame) {
      const entry = decodeFrame(frame, onUndecodable);
      if (entry.kind !== 'intake') {
        close();
        const record = Buffer.concat([Buffer.alloc(frameBytes), frame.payload]);
        done.push({ record, sequence: frame.sequence, total: frame.total, readings: frame.readings });
        return;
      }
      const minute = Math.floor(entry.received_at_ms / 60_000);
      if (open?.minute !== minute) close();
      open ??= { minute, received_at_ms: entry.received_at_ms, sources: [], last: frame, readings: 0 };
      open.last = frame;
      open.received_at_ms = Math.max(open.received_at_ms, entry.received_at_ms);
      open.readings += frame.readings;
      for (const source of entry.sources) {
        dropped += source.received - source.dropped;
        addBooks(open.sources, source);
      }
    },
    records() {
      close();
      return done;
    },
    get dropped() {
      return dropped;
    },
  };
}

/**
 * Puts what `dropper` makes of the records before `end` in the place of the segment at `path`: written aside, synced, and
 * renamed, so that after a crash there is the one or the other. Records up to `stored` are in the database with their
 * books and go without a trace. Closes the reader. Answers the new size.
 */
export async function replaceSegment(
  files: JournalFiles,
  path: string,
  reader: SegmentReader,
  { end, stored }: { end: number; stored: number },
  gatewayId: number,
  dropper: Dropper,
): Promise<number> {
  try {
    for (let frame = await reader.next(end); frame !== undefined; frame = await reader.next(end))
      if (frame.sequence > stored) dropper.take(frame);
  } finally {
    await reader.close();
  }
  const records = dropper.records();
  for (const { record, sequence, readings, total } of records) sealFrame(record, sequence, readings, total);
  const bytes = Buffer.concat([segmentHeader(gatewayId), ...records.map(({ record }) => record)]);
  const file = await files.open(`${path}.new`, 'create');
  try {
    await file.write(bytes, 0);
    await file.sync();
  } finally {
    await file.close();
  }
  await files.replace(`${path}.new`, path);
  return bytes.length;
}

function addBooks(sources: JournaledIntake[], source: JournaledIntake): void {
  let into = sources.find(({ protocol, name }) => protocol === source.protocol && name === source.name);
  if (into === undefined) {
    into = emptyLike(source);
    sources.push(into);
  }
  into.received += source.received;
  into.dropped += source.received;
  into.lost_upstream += source.lost_upstream;
}
