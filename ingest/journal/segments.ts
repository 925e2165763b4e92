import { join } from 'node:path';
import type { Log } from '../../core/log.ts';
import { segmentHeaderBytes, type Frame } from './frame.ts';
import type { JournalFiles } from './journal-files.ts';
import { openSegmentReader, type Damage } from './segment-reader.ts';

/** One file of the journal. */
export interface Segment {
  path: string;
  /** Bytes that are known to be on the disk; a reader goes no further. */
  durable: number;
  lastSequence: number;
  readings: number;
  /** The total of its last record. */
  total: number;
  /** When it was last written, by the clock of the machine. */
  writtenAtMs: number;
  /** Its readings were dropped already. */
  isDropped: boolean;
  /** It could not be read or written anew when its readings were to be dropped: the next one is taken instead. */
  cannotDrop: boolean;
}

/** A segment with a header and nothing else. */
export const emptySegment = {
  durable: segmentHeaderBytes,
  lastSequence: 0,
  readings: 0,
  total: 0,
  isDropped: false,
  cannotDrop: false,
};

/** Bytes of all segments. */
export function totalBytes(segments: readonly Segment[]): number {
  let bytes = 0;
  for (const segment of segments) bytes += segment.durable;
  return bytes;
}

/**
 * The segments that hold records above `committed`, in their order; the others are removed, and so is what dropping left
 * behind. Cuts torn tails. `onFrame` hears of every record that is whole, `onDamage` of every region that is none.
 */
export async function findSegments(
  { directory, committed, files, log }: { directory: string; committed: number; files: JournalFiles; log: Log },
  onFrame: (frame: Frame) => void,
  onDamage: (path: string, damage: Damage) => void,
): Promise<Segment[]> {
  const segments: Segment[] = [];
  const all = await files.list(directory);
  for (const name of all.filter((left) => left.endsWith('.journal.new'))) await files.remove(join(directory, name));
  for (const name of all.filter((other) => other.endsWith('.journal')).sort()) {
    const path = join(directory, name);
    const file = await files.open(path, 'keep');
    const size = await file.size();
    const reader = await openSegmentReader(file, path, (damage) => onDamage(path, damage));
    const segment: Segment = { ...emptySegment, path, durable: size, writtenAtMs: await files.writtenAt(path) };
    for (let frame = await reader.next(size); frame !== undefined; frame = await reader.next(size)) {
      onFrame(frame);
      segment.lastSequence = frame.sequence;
      segment.readings += frame.readings;
      segment.total = frame.total;
    }
    if (reader.position < size) {
      log.warn(
        { path, kept_bytes: reader.position, cut_bytes: size - reader.position },
        'a torn record at the end of the journal was cut; it was never acknowledged',
      );
      segment.durable = reader.position;
      await file
        .truncate(reader.position)
        .catch((error: unknown) => log.warn({ error, path }, 'cutting failed; the tail is ignored'));
    }
    await reader.close();
    if (segment.lastSequence > committed) segments.push(segment);
    else await files.remove(path);
  }
  return segments;
}
