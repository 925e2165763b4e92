import { decodeColumns, encodeColumnsInto, encodedBytes, type ReadingColumns } from '../../core/reading-columns.ts';
import type { Protocol } from '../../core/reading.ts';
import type { ParkedReading, RejectedReading, SourceIntake, TextReading } from '../receive/receiver.ts';
import { checkHead, type JsonNumber } from './check-head.ts';
import { frameBytes, type Frame } from './frame.ts';

/**
 * What one journal record says (format.md): what the sources sent between two records, or the order to back-fill the
 * parked readings of an address that has become known.
 */
export type JournalEntry =
  | { kind: 'intake'; received_at_ms: number; sources: JournaledIntake[] }
  | { kind: 'backfill'; protocol: Protocol; address: string }
  | { kind: 'replay' };

/** One source's part of a record. `received = live + historical + texts + parked + rejected + dropped`. */
export interface JournaledIntake {
  protocol: Protocol;
  name: string;
  received: number;
  lost_upstream: number;
  untimed: number;
  dropped: number;
  live: ReadingColumns;
  historical: ReadingColumns;
  texts: TextReading[];
  parked: ParkedReading[];
  rejected: RejectedReading[];
}

/** Rejected bytes above this are cut: enough to see what was sent, and a flood cannot fill the disk with it. */
const maxPayloadBytes = 64 * 1024;
/** Above this many rejected bytes in one record, only the first 256 bytes of each further payload are kept. */
const maxRejectedBytes = 4 * 1024 * 1024;
const shortPayloadBytes = 256;

/**
 * The payload is `u32 head bytes, head (JSON), then for each source its live columns, its historical columns and its
 * rejected payloads, back to back`. JSON for what is rare and grows, columns for what is much.
 */
export function encodeIntake(receivedAtMs: number, sources: readonly Omit<JournaledIntake, never>[]): Buffer {
  let bodyBytes = 0;
  let rejectedBytes = 0;
  const payloads: Uint8Array[][] = [];
  const heads = sources.map((source) => {
    const kept: Uint8Array[] = [];
    for (const { payload } of source.rejected) {
      const limit = rejectedBytes > maxRejectedBytes ? shortPayloadBytes : maxPayloadBytes;
      const bytes = payload === null ? noBytes : payload.length > limit ? payload.subarray(0, limit) : payload;
      rejectedBytes += bytes.length;
      bodyBytes += bytes.length;
      kept.push(bytes);
    }
    payloads.push(kept);
    bodyBytes += encodedBytes(source.live.length) + encodedBytes(source.historical.length);
    return {
      protocol: source.protocol,
      name: source.name,
      received: source.received,
      lost_upstream: source.lost_upstream,
      untimed: source.untimed,
      dropped: source.dropped,
      live: source.live.length,
      historical: source.historical.length,
      texts: source.texts,
      parked: source.parked.map((reading) => ({ ...reading, value: toJson(reading.value) })),
      rejected: source.rejected.map((reading, index) => ({
        ...reading,
        time_us: toJson(reading.time_us),
        value: toJson(reading.value),
        payload: reading.payload === null ? null : kept[index]?.length,
        ...((kept[index]?.length ?? 0) < (reading.payload?.length ?? 0) && { cut: true }),
      })),
    };
  });
  const head = Buffer.from(JSON.stringify({ kind: 'intake', received_at_ms: receivedAtMs, sources: heads }));
  const record = Buffer.allocUnsafe(frameBytes + 4 + head.length + bodyBytes);
  record.writeUInt32LE(head.length, frameBytes);
  record.set(head, frameBytes + 4);
  let offset = frameBytes + 4 + head.length;
  for (const [index, source] of sources.entries()) {
    offset = encodeColumnsInto(source.live, record, offset);
    offset = encodeColumnsInto(source.historical, record, offset);
    for (const bytes of payloads[index] ?? []) {
      record.set(bytes, offset);
      offset += bytes.length;
    }
  }
  return record;
}

/** The record that asks the store to back-fill an address. */
export function encodeBackfill(protocol: Protocol, address: string): Buffer {
  return encodeOrder({ kind: 'backfill', protocol, address });
}

/** The record that asks the store to try the rejected readings whose replay was asked for. */
export function encodeReplay(): Buffer {
  return encodeOrder({ kind: 'replay' });
}

function encodeOrder(order: object): Buffer {
  const head = Buffer.from(JSON.stringify(order));
  const record = Buffer.allocUnsafe(frameBytes + 4 + head.length);
  record.writeUInt32LE(head.length, frameBytes);
  record.set(head, frameBytes + 4);
  return record;
}

/** Hears of a record that was read whole, with the right checksum, and still cannot be decoded. */
export type OnUndecodable = (frame: Frame, error: unknown) => void;

/**
 * What a record says. One that cannot be decoded is told to `onUndecodable` and reads as an intake of nothing: so it keeps
 * its place in the order, and the readings that its frame counts are missing in the books.
 */
export function decodeFrame(frame: Frame, onUndecodable: OnUndecodable): JournalEntry {
  try {
    return decodeEntry(frame.payload);
  } catch (error) {
    // Memory that has run out is no fault of the record.
    if (error instanceof RangeError && error.message.includes('allocation failed')) throw error;
    onUndecodable(frame, error);
    return { kind: 'intake', received_at_ms: 0, sources: [] };
  }
}

/** Reads a record's payload. The checksum has already been compared; a failure here means another version's form. */
export function decodeEntry(payload: Buffer): JournalEntry {
  const headBytes = payload.readUInt32LE(0);
  const head = checkHead(JSON.parse(payload.toString('utf8', 4, 4 + headBytes)));
  if (head.kind !== 'intake') return head;
  let offset = 4 + headBytes;
  function takeColumns(count: number): ReadingColumns {
    const bytes = payload.subarray(offset, offset + encodedBytes(count));
    offset += bytes.length;
    return decodeColumns(bytes);
  }
  const sources = head.sources.map((source): JournaledIntake => {
    const live = takeColumns(source.live);
    const historical = takeColumns(source.historical);
    const rejected = source.rejected.map((reading): RejectedReading => {
      const bytes = reading.payload === null ? null : Buffer.from(payload.subarray(offset, offset + reading.payload));
      offset += reading.payload ?? 0;
      return { ...reading, time_us: fromJson(reading.time_us), value: fromJson(reading.value), payload: bytes };
    });
    const parked = source.parked.map((reading): ParkedReading => ({ ...reading, value: fromJson(reading.value) }));
    return { ...source, live, historical, parked, rejected };
  });
  if (offset !== payload.length)
    throw new Error(`The record needs ${offset} bytes by its head and has ${payload.length}.`);
  return { kind: 'intake', received_at_ms: head.received_at_ms, sources };
}

/** The readings of a source as the journal wants them. */
export function journaled(intake: SourceIntake): JournaledIntake {
  return { ...intake, protocol: intake.source.protocol, name: intake.source.name };
}

function toJson(value: number): JsonNumber {
  if (Number.isFinite(value)) return Object.is(value, -0) ? '-0' : value;
  return Number.isNaN(value) ? null : value > 0 ? 'Infinity' : '-Infinity';
}

function fromJson(value: JsonNumber): number {
  return value === null ? Number.NaN : Number(value);
}

const noBytes = new Uint8Array(0);
