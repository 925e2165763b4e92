import { appendColumns, appendReading, createColumns, type ReadingColumns } from '../../core/reading-columns.ts';
import type { Protocol } from '../../core/reading.ts';
import type { JournalEntry } from '../journal/record.ts';
import type { ParkedReading, RejectedReading, TextReading } from '../receive/receiver.ts';
import { keepValue } from '../resolve/kept-value.ts';

/** The books of one source and minute of receipt, as they change by a batch. */
export interface Part {
  /** `file`: what the journal lost. */
  protocol: Protocol | 'file';
  name: string;
  minute_ms: number;
  /** The newest receive time in this part. */
  received_at_ms: number;
  received: number;
  lost_upstream: number;
  untimed: number;
  dropped: number;
  stored: number;
  duplicate: number;
  conflict: number;
  rejected: number;
  parked: number;
  late: number;
  from_future: number;
}

/** What one transaction of the store writes. Rows: live ones first. */
export interface Batch {
  /** Sequence of the last journal record in it. */
  sequence: number;
  /** The journal's count at that record (ingest/journal/frame.ts). */
  journal_total: number;
  /** Readings received in its records, for the journal's own count. */
  readings: number;
  parts: Part[];
  columns: ReadingColumns;
  /** Index into `parts` for each row; the array may be longer. */
  part_of_row: Uint32Array;
  /** Rows from the start that are live: these alone are shown as live in the feed. */
  live_rows: number;
  /** Rows from the start that may become the latest value of their signal. */
  latest_rows: number;
  rejected: { part: Part; received_at_ms: number; reading: RejectedReading }[];
  parked: { part: Part; received_at_ms: number; reading: ParkedReading }[];
}

export interface SequencedEntry {
  sequence: number;
  readings: number;
  /** The journal's count at this record. */
  total: number;
  entry: Extract<JournalEntry, { kind: 'intake' }>;
}

/** All distinct texts in the entries, which need their numbers before a batch can be made. */
export function textsOf(entries: readonly SequencedEntry[]): string[] {
  const texts = new Set<string>();
  for (const { entry } of entries)
    for (const { texts: readings } of entry.sources) for (const { text } of readings) texts.add(text);
  return [...texts];
}

/**
 * One batch from journal records, in their order. `textValue` answers the number of a text, or undefined when the room
 * for texts is used up: then the reading is rejected.
 */
export function collectBatch(
  entries: readonly SequencedEntry[],
  textValue: (text: string) => number | undefined,
): Batch {
  let rows = 0;
  for (const { entry } of entries)
    for (const { live, historical, texts } of entry.sources) rows += live.length + historical.length + texts.length;
  const batch = emptyBatch(entries.at(-1)?.sequence ?? 0, rows);
  const parts = new Map<string, Part>();
  const partOf = (protocol: Protocol, name: string, receivedAtMs: number): Part =>
    findPart(batch, parts, protocol, name, receivedAtMs);

  for (const historical of [false, true]) {
    for (const { entry } of entries) {
      for (const source of entry.sources) {
        const part = partOf(source.protocol, source.name, entry.received_at_ms);
        const index = batch.parts.indexOf(part);
        appendRows(batch, index, historical ? source.historical : source.live);
        for (const reading of source.texts) {
          if (reading.historical !== historical) continue;
          const value = textValue(reading.text);
          if (value !== undefined) {
            appendRow(batch, index, reading.time_us, reading.signal_id, value, reading.quality);
          } else {
            batch.rejected.push({ part, received_at_ms: entry.received_at_ms, reading: tooManyTexts(reading) });
          }
        }
      }
    }
    if (!historical) batch.live_rows = batch.latest_rows = batch.columns.length;
  }
  for (const { entry, readings } of entries) {
    batch.readings += readings;
    for (const source of entry.sources) {
      const part = partOf(source.protocol, source.name, entry.received_at_ms);
      part.received += source.received;
      part.lost_upstream += source.lost_upstream;
      part.untimed += source.untimed;
      part.dropped += source.dropped;
      for (const reading of source.rejected)
        batch.rejected.push({ part, received_at_ms: entry.received_at_ms, reading });
      for (const reading of source.parked) batch.parked.push({ part, received_at_ms: entry.received_at_ms, reading });
    }
  }
  return batch;
}

/** A batch without anything in it. */
export function emptyBatch(sequence: number, capacity: number): Batch {
  return {
    sequence,
    journal_total: 0,
    readings: 0,
    parts: [],
    columns: createColumns(capacity),
    part_of_row: new Uint32Array(capacity),
    live_rows: 0,
    latest_rows: 0,
    rejected: [],
    parked: [],
  };
}

/** The part of a source and of the minute that `receivedAtMs` lies in; made when it is not there. */
export function findPart(
  batch: Batch,
  index: Map<string, Part>,
  protocol: Part['protocol'],
  name: string,
  receivedAtMs: number,
): Part {
  const minute_ms = Math.floor(receivedAtMs / 60_000) * 60_000;
  const key = `${protocol}\t${name}\t${minute_ms}`;
  let part = index.get(key);
  if (part === undefined) {
    part = {
      protocol,
      name,
      minute_ms,
      received_at_ms: receivedAtMs,
      received: 0,
      lost_upstream: 0,
      untimed: 0,
      dropped: 0,
      stored: 0,
      duplicate: 0,
      conflict: 0,
      rejected: 0,
      parked: 0,
      late: 0,
      from_future: 0,
    };
    index.set(key, part);
    batch.parts.push(part);
  }
  part.received_at_ms = Math.max(part.received_at_ms, receivedAtMs);
  return part;
}

/** Appends one row of the part with this index. */
export function appendRow(
  batch: Batch,
  part: number,
  timeUs: number,
  signalId: number,
  value: number,
  quality: number,
): void {
  appendReading(batch.columns, timeUs, signalId, value, quality);
  growParts(batch);
  batch.part_of_row[batch.columns.length - 1] = part;
}

/** Appends rows of the part with this index. */
export function appendRows(batch: Batch, part: number, rows: ReadingColumns): void {
  const from = batch.columns.length;
  appendColumns(batch.columns, rows);
  growParts(batch);
  batch.part_of_row.fill(part, from, batch.columns.length);
}

function growParts(batch: Batch): void {
  const rows = batch.columns.time_us.length;
  if (batch.part_of_row.length >= rows) return;
  const grown = new Uint32Array(rows);
  grown.set(batch.part_of_row);
  batch.part_of_row = grown;
}

function tooManyTexts(reading: Omit<TextReading, 'historical'>): RejectedReading {
  return {
    readings: 1,
    address: '',
    reason: 'too_many_texts',
    detail: `The text ${JSON.stringify(reading.text)} is new, and the room for distinct texts is used up; accepted are texts that were seen before.`,
    signal_id: reading.signal_id,
    time_us: reading.time_us,
    value: Number.NaN,
    payload: keepValue(reading.text),
    quality: reading.quality,
  };
}
