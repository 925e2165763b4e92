import type { ColumnMap } from './column-map.ts';
import type { BackfillSignals } from './signals.ts';
import type { Sink } from './sink.ts';

/** Where a reader has got to. CSV: byte offset and line number; Parquet: row group and column. */
export interface FilePosition {
  offset: number;
  line: number;
}

/** What every reader of files needs to know. */
export interface ReadContext {
  file: string;
  signals: BackfillSignals;
  /** Decides what the columns are, and remembers the header for messages. Throws a ColumnError. */
  mapColumns(header: readonly string[]): ColumnMap;
  header(): readonly string[];
  delimiter: string | undefined;
  /** IANA zone of times that do not say theirs. */
  zone: string | undefined;
  /** Readings outside of [earliest, latest] are refused, with what is accepted in words. */
  earliest_us: number;
  latest_us: number;
  accepted_earliest: string;
  accepted_latest: string;
}

export interface FileReader {
  start: FilePosition;
  /** How much of the file lies before a position, 0 to 1. */
  fractionOf(position: FilePosition): number;
  isEnd(position: FilePosition): boolean;
  /** Reads whole rows into `sink` from `position` on until `full()` or the end; answers where it stopped. */
  read(position: FilePosition, sink: Sink, full: () => boolean): Promise<FilePosition>;
  close(): Promise<void>;
}
