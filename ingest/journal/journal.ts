import type { Clock } from '../../core/clock.ts';
import type { Log } from '../../core/log.ts';
import type { Dropper } from './drop-readings.ts';
import type { Frame } from './frame.ts';
import type { JournalFiles } from './journal-files.ts';
import type { OnUndecodable } from './record.ts';

export interface JournalOptions {
  directory: string;
  gatewayId: number;
  /** Above this many bytes the journal is full. */
  maxBytes: number;
  /** Below this many free bytes on the disk the journal is full. */
  minFreeBytes: number;
  /** With readings in it that wait for longer than this the journal is full; Infinity for no such limit. */
  maxAgeMs: number;
  clock: Clock;
  /** The last sequence that the database has committed: older records are thrown away, new ones count on from here. */
  committed: number;
  /** The total (frame.ts) of that record; 0 when the database does not know it. */
  committedTotal: number;
  files: JournalFiles;
  log: Log;
}

export interface JournalState {
  /** Readings in records that are not committed yet. */
  readings: number;
  bytes: number;
  segments: number;
  last_sequence: number;
  committed_sequence: number;
  /** Regions or records found damaged since the start, and the records that were dropped to make room. */
  damaged: number;
  /** Why nothing can be written just now, or null. */
  failure: string | null;
  free_bytes: number;
}

export interface Journal {
  /**
   * Appends one record (its frame still open, `frameBytes` free in front) and answers its sequence when it is on the
   * disk. While the disk fails it tries again, in a new segment, until it succeeds or the journal closes: then it
   * throws. One call at a time.
   */
  append(record: Buffer, readings: number): Promise<number>;
  /** The next record after the last one read, or undefined when all were read. The payload is valid until the next call. */
  read(): Promise<Frame | undefined>;
  /** Reports the record that was read last, which could not be decoded: once, however often it is read. */
  skipped: OnUndecodable;
  /** Begins reading again after the last committed record, for a store that gave up a batch. */
  rewind(): Promise<void>;
  /** Every record up to `sequence`, whose total is `total`, is in the database: frees the segments that hold nothing else. */
  advance(sequence: number, readings: number, total: number): Promise<void>;
  /** True when `maxBytes` or `minFreeBytes` forbid more. Looks at the disk at most once a second. Not during `append`. */
  isFull(): Promise<boolean>;
  /** Whether it is well below full: under half of `maxBytes` or empty, and the disk, when last looked at, had its free bytes. */
  readonly isRoomy: boolean;
  /**
   * Puts what a dropper makes of them in the place of the records of the oldest segment that the reader has not begun, on
   * the disk before it returns. Answers how many readings were thrown away; undefined when no segment is left that still
   * holds readings and can be written anew.
   */
  dropOldest(createDropper: (onUndecodable: OnUndecodable) => Dropper): Promise<number | undefined>;
  readonly state: JournalState;
  close(): Promise<void>;
}
