import { join } from 'node:path';
import { monotonic, pause } from '../../core/clock.ts';
import { retryDelay } from '../../core/retry.ts';
import { createDamageReport } from './damage-report.ts';
import { replaceSegment, type Dropper } from './drop-readings.ts';
import { readingsBetween, sealFrame, segmentHeader } from './frame.ts';
import type { Journal, JournalOptions } from './journal.ts';
import type { JournalFile } from './journal-files.ts';
import { lockFolder } from './lock-folder.ts';
import { openSegmentReader, type Damage, type SegmentReader } from './segment-reader.ts';
import { emptySegment, findSegments, totalBytes, type Segment } from './segments.ts';

/**
 * Opens the journal in `directory`: reads all segments that may hold uncommitted records, cuts a torn tail, and reports
 * damage without failing. Throws when another process uses the folder. New records always go to a new segment, never behind an old tail.
 */
export async function openJournal(options: JournalOptions): Promise<Journal> {
  const { directory, files, log } = options;
  await files.makeDirectory(directory);
  const unlock = await lockFolder(directory);
  const closing = new AbortController();
  const usualBytes = Math.max(64 * 1024, Math.min(64 * 1024 * 1024, Math.floor(options.maxBytes / 8)));
  const segmentBytes = Math.min(usualBytes, options.maxBytes);
  let committed = options.committed;
  let lastSequence = options.committed;
  let committedTotal = options.committedTotal;
  let total = options.committedTotal;
  let unread = 0;
  let failure: string | null = null;
  let freeBytes = Number.POSITIVE_INFINITY;
  let freeAskedAt = Number.NEGATIVE_INFINITY;

  const damage = createDamageReport(log);
  const found = findSegments(
    options,
    (frame) => {
      if (frame.sequence > lastSequence) unread += frame.readings;
      lastSequence = Math.max(lastSequence, frame.sequence);
      if (frame.total !== 0) total = frame.total;
    },
    damage.damaged,
  );
  found.catch(unlock);
  const segments = await found;
  // The file that is being written; its segment stands last in `segments`.
  let writing: { file: JournalFile; segment: Segment; startedAtMs: number } | undefined;
  let reading: { reader: SegmentReader; segment: Segment } | undefined;
  let opening: Segment | undefined;
  // The segment whose readings are being dropped; the reader waits until that is done.
  let replacing: { segment: Segment; done: Promise<void> } | undefined;
  let lastRead = committed;
  let lastReadTotal = committedTotal;
  // Damage that the reader has come upon; what it cost shows with the next whole record.
  let cameUpon: Damage[] = [];

  async function startSegment(): Promise<{ file: JournalFile; segment: Segment }> {
    const path = join(directory, `${(lastSequence + 1).toString(16).padStart(16, '0')}.journal`);
    const file = await files.open(path, 'create');
    try {
      await file.write(segmentHeader(options.gatewayId), 0);
      await file.sync();
      await files.syncDirectory(directory);
    } catch (error) {
      await file.close().catch(() => undefined);
      throw error;
    }
    const segment: Segment = { ...emptySegment, path, total, writtenAtMs: options.clock() };
    segments.push(segment);
    return { file, segment };
  }

  async function writeRecord(record: Buffer, sequence: number, readings: number): Promise<void> {
    if (
      writing !== undefined &&
      (writing.segment.durable >= segmentBytes || options.clock() - writing.startedAtMs > options.maxAgeMs / 8)
    )
      await endSegment();
    writing ??= { ...(await startSegment()), startedAtMs: options.clock() };
    const { file, segment } = writing;
    await file.write(record, segment.durable);
    await file.sync();
    segment.durable += record.length;
    segment.lastSequence = sequence;
    segment.readings += readings;
    segment.total = (total + readings) >>> 0;
    segment.writtenAtMs = options.clock();
  }

  async function endSegment(): Promise<void> {
    const ended = writing;
    writing = undefined;
    if (ended === undefined) return;
    // After a failed sync the kernel may have thrown the pages away and call them clean: what was not durable before
    // is cut off here and written again into another file, never synced again in this one.
    await ended.file.truncate(ended.segment.durable).catch(() => undefined);
    await ended.file.close().catch(() => undefined);
    if (ended.segment.lastSequence > 0) return;
    segments.splice(segments.indexOf(ended.segment), 1);
    await files.remove(ended.segment.path).catch(() => undefined);
  }

  async function freeSegments(): Promise<void> {
    while (segments[0] !== undefined && segments[0] !== writing?.segment && segments[0].lastSequence <= committed) {
      const segment = segments[0];
      // Taken out before the first await: what frees segments at the same time must not take out the one behind it.
      segments.shift();
      if (reading?.segment === segment) await endReading();
      await files.remove(segment.path).catch((error: unknown) => {
        log.warn(
          { error, path: segment.path },
          'a stored journal segment could not be removed; the next start removes it',
        );
      });
    }
  }

  /** What was come upon in a segment is reported, and the readings that were lost there are no longer waited for. */
  function lose(path: string, readings: number): void {
    let isNew = false;
    for (const region of cameUpon) isNew = damage.damaged(path, region) || isNew;
    if (isNew) unread = Math.max(0, unread - readings);
    cameUpon = [];
  }

  async function dropReadings(segment: Segment, dropper: Dropper): Promise<void> {
    const { path } = segment;
    try {
      const reader = await openSegmentReader(
        await files.open(path, 'keep'),
        path,
        (region) => void damage.damaged(path, region),
      );
      const range = { end: segment.durable, stored: lastRead };
      segment.durable = await replaceSegment(files, path, reader, range, options.gatewayId, dropper);
      segment.isDropped = true;
      await files.syncDirectory(directory);
    } catch (error) {
      segment.cannotDrop = !segment.isDropped;
      log.warn({ error, path }, 'the oldest readings of the journal could not be dropped');
    }
  }

  function isOld(segment: Segment): boolean {
    return (
      !segment.isDropped && segment.lastSequence > committed && options.clock() - segment.writtenAtMs > options.maxAgeMs
    );
  }

  /** A disk that cannot even be asked shows itself at the next write. */
  async function askFreeBytes(): Promise<void> {
    freeAskedAt = monotonic();
    freeBytes = await files.freeBytes(directory).catch(() => freeBytes);
  }

  async function endReading(): Promise<void> {
    const ended = reading;
    reading = undefined;
    await ended?.reader.close().catch(() => undefined);
  }

  return {
    async append(record, readings) {
      const sequence = lastSequence + 1;
      sealFrame(record, sequence, readings, (total + readings) >>> 0);
      for (let attempt = 1; ; attempt++) {
        try {
          await writeRecord(record, sequence, readings);
          break;
        } catch (error) {
          if (failure === null)
            log.error({ error }, 'the journal cannot be written; nothing is acknowledged until it can');
          failure = `The journal in ${directory} cannot be written: ${(error as Error).message}.`;
          await endSegment();
          await pause(retryDelay({ minMs: 100, maxMs: 5000 }, attempt), closing.signal);
          if (closing.signal.aborted)
            throw new Error('The journal was closed before the record could be written.', { cause: error });
        }
      }
      if (failure !== null) log.info('the journal can be written again');
      failure = null;
      lastSequence = sequence;
      total = (total + readings) >>> 0;
      unread += readings;
      return sequence;
    },
    async read() {
      for (;;) {
        if (reading === undefined) {
          const segment = segments.find((candidate) => candidate.lastSequence > lastRead);
          if (segment === undefined) return undefined;
          if (segment === replacing?.segment) {
            await replacing.done;
            continue;
          }
          // Named before the first await, so that dropOldest does not take it away meanwhile.
          opening = segment;
          const file = await files.open(segment.path, 'keep');
          cameUpon = [];
          const note = (region: Damage): void => void cameUpon.push(region);
          reading = { segment, reader: await openSegmentReader(file, segment.path, note) };
        }
        const { segment, reader } = reading;
        const frame = await reader.next(segment.durable);
        if (frame === undefined) {
          if (segment === writing?.segment || segment.lastSequence > lastRead) {
            // All that is whole was read. A sealed segment whose last record can no longer be read must not stop the rest.
            if (segment === writing?.segment) return undefined;
            cameUpon.push({ from: reader.position, to: segment.durable });
            lose(segment.path, readingsBetween(lastReadTotal, { readings: 0, total: segment.total }));
            lastRead = segment.lastSequence;
            lastReadTotal = segment.total;
          }
          await endReading();
          continue;
        }
        if (frame.sequence <= lastRead) continue;
        lose(segment.path, readingsBetween(lastReadTotal, frame));
        lastRead = frame.sequence;
        lastReadTotal = frame.total;
        return frame;
      }
    },
    skipped: (frame, error) => damage.undecodable(reading?.segment.path, frame, error),
    async rewind() {
      await endReading();
      lastRead = committed;
      lastReadTotal = committedTotal;
    },
    async advance(sequence, readings, itsTotal) {
      committed = Math.max(committed, sequence);
      committedTotal = itsTotal;
      unread = Math.max(0, unread - readings);
      // Ended here and not by the next record: one that is as large as the journal lets none come after it.
      if (writing !== undefined && writing.segment.durable >= segmentBytes && writing.segment.lastSequence <= committed)
        await endSegment();
      await freeSegments();
    },
    async isFull() {
      if (monotonic() - freeAskedAt > 1000) {
        await askFreeBytes();
        const last = writing?.segment;
        if (
          freeBytes < options.minFreeBytes &&
          last !== undefined &&
          0 < last.lastSequence &&
          last.lastSequence <= committed
        ) {
          // All of it is stored, and its bytes are what is missing.
          await endSegment();
          await freeSegments();
          await askFreeBytes();
        }
      }
      return totalBytes(segments) >= options.maxBytes || freeBytes < options.minFreeBytes || segments.some(isOld);
    },
    async dropOldest(createDropper) {
      // Nothing was written to it for so long that a further record will begin a new one all the same.
      if (writing !== undefined && isOld(writing.segment)) await endSegment();
      for (;;) {
        const segment = segments.find(
          (candidate) =>
            candidate !== writing?.segment &&
            candidate !== opening &&
            candidate.lastSequence > lastRead &&
            !candidate.isDropped &&
            !candidate.cannotDrop,
        );
        if (segment === undefined) return undefined;
        const dropper = createDropper((frame, error) => damage.undecodable(segment.path, frame, error));
        replacing = { segment, done: dropReadings(segment, dropper) };
        await replacing.done;
        replacing = undefined;
        // What is free has changed: an answer of before would let one segment after the other go.
        freeAskedAt = Number.NEGATIVE_INFINITY;
        if (segment.isDropped) return dropper.dropped;
      }
    },
    get isRoomy() {
      return freeBytes >= options.minFreeBytes && (unread === 0 || totalBytes(segments) < options.maxBytes / 2);
    },
    get state() {
      return {
        readings: unread,
        bytes: totalBytes(segments),
        segments: segments.length,
        last_sequence: lastSequence,
        committed_sequence: committed,
        damaged: damage.count,
        failure,
        free_bytes: freeBytes,
      };
    },
    async close() {
      closing.abort();
      await endReading();
      await endSegment();
      unlock();
    },
  };
}
