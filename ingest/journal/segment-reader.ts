import { checkSegmentHeader, findMarker, frameBytes, readFrame, segmentHeaderBytes, type Frame } from './frame.ts';
import type { JournalFile } from './journal-files.ts';

/** What was found damaged: bytes that are no record, before the record that follows them or the end. */
export interface Damage {
  from: number;
  to: number;
}

export interface SegmentReader {
  /**
   * The next record that begins before `end` (an offset up to which the file is whole), or undefined. Damaged bytes
   * are skipped to the next whole record and reported. The payload is valid until the next call.
   */
  next(end: number): Promise<Frame | undefined>;
  /** Offset behind the last whole record. */
  readonly position: number;
  close(): Promise<void>;
}

const windowBytes = 1 << 20;

/** Reads a segment from its beginning and closes the file in the end, also when this throws. `onDamage` hears of every region that is no record and is followed by one. */
export async function openSegmentReader(
  file: JournalFile,
  path: string,
  onDamage: (damage: Damage) => void,
): Promise<SegmentReader> {
  let window = Buffer.allocUnsafeSlow(windowBytes);
  // window[0..filled) holds the file's bytes from windowStart on.
  let windowStart = 0;
  let filled = 0;
  let position = segmentHeaderBytes;
  const header = Buffer.alloc(segmentHeaderBytes);
  try {
    const headerRead = await file.read(header, 0);
    // Without a record behind it, a header that is not whole is the tail of a crash: nobody was told of what it began.
    if (!checkSegmentHeader(header.subarray(0, headerRead), path)) position = 0;
  } catch (error) {
    await file.close();
    throw error;
  }

  /** Makes the file's bytes [from, to) available as far as they exist before `end`; answers how far they do. */
  async function fill(from: number, to: number, end: number): Promise<number> {
    const wanted = Math.min(to, end);
    if (from >= windowStart && wanted <= windowStart + filled) return windowStart + filled;
    const keep = from >= windowStart && from < windowStart + filled ? windowStart + filled - from : 0;
    const needed = Math.max(wanted - from, Math.min(windowBytes, end - from));
    if (needed > window.length) {
      const larger = Buffer.allocUnsafeSlow(needed);
      if (keep > 0) window.copy(larger, 0, from - windowStart, from - windowStart + keep);
      window = larger;
    } else if (keep > 0) {
      window.copyWithin(0, from - windowStart, from - windowStart + keep);
    }
    windowStart = from;
    const space = window.subarray(keep, Math.min(window.length, end - from));
    filled = keep + (space.length > 0 ? await file.read(space, from + keep) : 0);
    return windowStart + filled;
  }

  /** The record at `offset`, or undefined when none is whole there before `end`. */
  async function frameAt(offset: number, end: number): Promise<Frame | undefined> {
    let available = await fill(offset, offset + frameBytes, end);
    for (;;) {
      const frame = readFrame(window.subarray(0, Math.max(0, available - windowStart)), offset - windowStart);
      if (typeof frame !== 'number') return frame;
      const needed = windowStart + frame;
      if (needed > end || needed <= available) return undefined;
      const more = await fill(offset, needed, end);
      if (more <= available && more < needed) return undefined;
      available = more;
    }
  }

  /** The first offset from `from` on where a marker stands, or undefined. */
  async function seekMarker(from: number, end: number): Promise<number | undefined> {
    for (let offset = from; offset < end; ) {
      const available = await fill(offset, offset + windowBytes, end);
      if (available <= offset) return undefined;
      const found = findMarker(window.subarray(0, available - windowStart), offset - windowStart);
      if (found >= 0) return windowStart + found;
      // A marker may stand across the border of two windows.
      offset = Math.max(offset + 1, available - 3);
    }
    return undefined;
  }

  return {
    async next(end) {
      let offset = position;
      while (offset < end) {
        const frame = await frameAt(offset, end);
        if (frame !== undefined) {
          if (offset > position) onDamage({ from: position, to: offset });
          position = windowStart + frame.end;
          return frame;
        }
        const candidate = await seekMarker(offset + 1, end);
        if (candidate === undefined) return undefined;
        offset = candidate;
      }
      return undefined;
    },
    get position() {
      return position;
    },
    close: () => file.close(),
  };
}
