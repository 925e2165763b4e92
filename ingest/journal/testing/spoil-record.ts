import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { frameBytes, readFrame, sealFrame, segmentHeaderBytes, type Frame } from '../frame.ts';

/** Every record of the journal in `directory`, as it stands on the disk. */
export function readRecords(directory: string): (Frame & { path: string })[] {
  const records: (Frame & { path: string })[] = [];
  for (const name of readdirSync(directory)
    .filter((file) => file.endsWith('.journal'))
    .sort()) {
    const path = join(directory, name);
    const bytes = readFileSync(path);
    for (let offset = segmentHeaderBytes; ; ) {
      const frame = readFrame(bytes, offset);
      if (frame === undefined || typeof frame === 'number') break;
      records.push({ ...frame, path });
      offset = frame.end;
    }
  }
  return records;
}

/** Puts noise with a right checksum in the place of a record's payload; `flip`: one bit, and the checksum is wrong. */
export function spoilRecord(directory: string, sequence: number, how: 'noise' | 'flip' = 'noise'): Frame {
  const found = readRecords(directory).find((record) => record.sequence === sequence);
  if (found === undefined) throw new Error(`The record ${sequence} was not found.`);
  const bytes = readFileSync(found.path);
  if (how === 'flip') bytes[found.end - 1] = (bytes[found.end - 1] ?? 0) ^ 1;
  else {
    const record = bytes.subarray(found.end - found.payload.length - frameBytes, found.end);
    record.fill('noise', frameBytes);
    sealFrame(record, sequence, found.readings, found.total);
  }
  writeFileSync(found.path, bytes);
  return found;
}
