import { appendReading, createColumns, type ReadingColumns } from '../../core/reading-columns.ts';
import { Quality, type RejectReason } from '../../core/reading.ts';
import { show } from '../resolve/signal-value.ts';
import { readSignalValue } from '../resolve/signal-value.ts';
import type { BackfillSignal } from './signals.ts';

/** A cell that could not be taken: where it stands, what it is, what is accepted. */
export interface BadCell {
  file: string;
  /** Line of a CSV file, row of a Parquet file, from 1. */
  line: number;
  column: string;
  value: string;
  reason: RejectReason;
  /** What is accepted, in words. */
  accepted: string;
  signal_id: number | null;
  time_us: number;
}

/** Readings of files on their way to the database, with what was wrong. One sink is filled while another is stored. */
export interface Sink {
  columns: ReadingColumns;
  /** Readings whose value is a text, by row; the database gives the text its number. */
  texts: { row: number; text: string }[];
  /** Bad cells; only the first `keepBad` are kept whole. */
  bad: BadCell[];
  bad_count: number;
  /** Cells without a value: no reading, and nothing wrong. */
  empty: number;
}

/** More of them help nobody, and a wrong mapping makes one for each cell of a terabyte. */
const keepBad = 10_000;

export function createSink(capacity: number): Sink {
  return { columns: createColumns(capacity), texts: [], bad: [], bad_count: 0, empty: 0 };
}

export function clearSink(sink: Sink): void {
  sink.columns.length = 0;
  sink.texts.length = 0;
  sink.bad.length = 0;
  sink.bad_count = 0;
  sink.empty = 0;
}

export function addBad(sink: Sink, bad: BadCell): void {
  sink.bad_count++;
  if (sink.bad.length < keepBad) sink.bad.push(bad);
}

/** Words that files write where there is no value. */
const emptyWords = new Set(['', 'nan', 'null', 'none', 'na', 'n/a', '\\n', '-nan']);

/**
 * Adds a value that was not a plain number: a state's name, an order, a boolean, nothing. The kind of the signal decides
 * what is accepted, by the same rule as for live readings.
 */
export function addText(
  sink: Sink,
  where: { file: string; line: number; column: string },
  signal: BackfillSignal,
  timeUs: number,
  text: string,
  quality: number,
): void {
  const trimmed = text.trim();
  const isEmpty = emptyWords.has(trimmed.toLowerCase());
  if (isEmpty && (quality === Quality.good || quality === Quality.uncertain)) {
    sink.empty++;
    return;
  }
  const value = readSignalValue(
    signal.kind,
    isEmpty ? null : (booleans.get(trimmed.toLowerCase()) ?? trimmed),
    quality,
  );
  if (typeof value === 'number') {
    appendReading(sink.columns, timeUs, signal.signal_id, value, quality);
  } else if (typeof value === 'string') {
    sink.texts.push({ row: sink.columns.length, text: value });
    appendReading(sink.columns, timeUs, signal.signal_id, Number.NaN, quality);
  } else {
    addBad(sink, {
      ...where,
      value: show(text),
      reason: value.reason,
      accepted: acceptedOf(value.detail),
      signal_id: signal.signal_id,
      time_us: timeUs,
    });
  }
}

const booleans = new Map([
  ['true', true],
  ['false', false],
]);

/** The second half of a sentence of readSignalValue: "The value is X; accepted is Y." */
function acceptedOf(detail: string): string {
  return (
    detail
      .split('; ')
      .at(-1)
      ?.replace(/^accepted (for this signal )?(is|are) /, '')
      .replace(/\.$/, '') ?? detail
  );
}

const qualityWords = new Map<string, number>([
  ['good', Quality.good],
  ['uncertain', Quality.uncertain],
  ['bad', Quality.bad],
  ['stale', Quality.stale],
  ...[Quality.good, Quality.uncertain, Quality.bad, Quality.stale].map((quality): [string, number] => [
    String(quality),
    quality,
  ]),
  ['', Quality.good],
]);

export const acceptedQualities = 'good, uncertain, bad, stale, or 192, 64, 0, 500';

/** The quality of a word or number, or undefined when it is none. */
export function readQuality(text: string): number | undefined {
  return qualityWords.get(text.trim().toLowerCase());
}
