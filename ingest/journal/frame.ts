import { crc32 } from 'node:zlib';

/**
 * The frame around every journal record (format.md), little-endian:
 * `u32 marker, u32 payload bytes, u64 sequence, u32 readings, u32 total, u32 crc32 of the 24 bytes before and the payload`.
 */
export const frameBytes = 28;

/** The first bytes of every segment: `8 bytes "MRJOURNL", u16 version, u16 gateway, u32 crc32 of the 12 bytes before`. */
export const segmentHeaderBytes = 16;
export const journalVersion = 1;

const marker = Buffer.from('MRJ\u0001', 'latin1');
const magic = Buffer.from('MRJOURNL', 'latin1');
/** No record is larger: the intake is cut long before. A length above this is damage, not a length. */
const maxPayloadBytes = 1 << 29;

export interface Frame {
  sequence: number;
  /** How many readings were received in this record, for the books and for reports about damage. */
  readings: number;
  /**
   * Readings of all records of the gateway up to and including this one, modulo 2^32; 0 when it is not told. What lies
   * between two records, and is in neither, was lost in the journal.
   */
  total: number;
  payload: Buffer;
  /** Offset behind the record. */
  end: number;
}

/** Writes the frame of a record whose payload already lies at `frameBytes` in `record`. */
export function sealFrame(record: Buffer, sequence: number, readings: number, total: number): void {
  record.set(marker, 0);
  record.writeUInt32LE(record.length - frameBytes, 4);
  record.writeBigUInt64LE(BigInt(sequence), 8);
  record.writeUInt32LE(readings, 16);
  record.writeUInt32LE(total, 20);
  record.writeUInt32LE(crc32(record.subarray(frameBytes), crc32(record.subarray(0, 24))), 24);
}

/**
 * The record at `offset`: the record; or the number of bytes the buffer must have at least to tell (more than it has);
 * or undefined when no record can begin here. The payload is a view into `buffer`.
 */
export function readFrame(buffer: Buffer, offset: number): Frame | number | undefined {
  if (buffer.length < offset + frameBytes) return offset + frameBytes;
  if (buffer.compare(marker, 0, 4, offset, offset + 4) !== 0) return undefined;
  const payloadBytes = buffer.readUInt32LE(offset + 4);
  if (payloadBytes > maxPayloadBytes) return undefined;
  const end = offset + frameBytes + payloadBytes;
  if (buffer.length < end) return end;
  const payload = buffer.subarray(offset + frameBytes, end);
  if (crc32(payload, crc32(buffer.subarray(offset, offset + 24))) !== buffer.readUInt32LE(offset + 24))
    return undefined;
  return {
    sequence: Number(buffer.readBigUInt64LE(offset + 8)),
    readings: buffer.readUInt32LE(offset + 16),
    total: buffer.readUInt32LE(offset + 20),
    payload,
    end,
  };
}

/** Readings that lie between a record after which the total was `before` and the record `frame`; 0 where it is not told. */
export function readingsBetween(before: number, frame: Pick<Frame, 'readings' | 'total'>): number {
  if (before === 0 || frame.total === 0) return 0;
  const between = (frame.total - frame.readings - before) >>> 0;
  // A total that lies before is of another count: of a database that was restored from a backup.
  return between < 2 ** 31 ? between : 0;
}

/** Where a record could begin at or after `offset`, or -1. */
export function findMarker(buffer: Buffer, offset: number): number {
  return buffer.indexOf(marker, offset);
}

/** The header of a new segment. */
export function segmentHeader(gatewayId: number): Buffer {
  const header = Buffer.alloc(segmentHeaderBytes);
  header.set(magic, 0);
  header.writeUInt16LE(journalVersion, 8);
  header.writeUInt16LE(gatewayId, 10);
  header.writeUInt32LE(crc32(header.subarray(0, 12)), 12);
  return header;
}

/**
 * Whether a segment's header is whole. A header of a newer version is an error: its records must not be read as ours
 * and must not be thrown away.
 */
export function checkSegmentHeader(header: Buffer, path: string): boolean {
  const whole =
    header.length === segmentHeaderBytes &&
    header.compare(magic, 0, 8, 0, 8) === 0 &&
    crc32(header.subarray(0, 12)) === header.readUInt32LE(12);
  if (whole && header.readUInt16LE(8) > journalVersion) {
    throw new Error(
      `The journal file ${path} has version ${header.readUInt16LE(8)}, and this Millrace reads up to ${journalVersion}: start the newer version that wrote it once, so that it stores what the file holds.`,
    );
  }
  return whole;
}
