import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { now, pause } from '../../core/clock.ts';
import { silentLog } from '../../core/log.ts';
import { addRejected } from '../resolve/add-reading.ts';
import { createDropper } from './drop-readings.ts';
import { frameBytes, segmentHeaderBytes } from './frame.ts';
import { diskFiles, type JournalFiles } from './journal-files.ts';
import type { Journal, JournalOptions } from './journal.ts';
import { openJournal } from './open-journal.ts';
import { decodeEntry, encodeBackfill, encodeIntake, journaled } from './record.ts';
import { createSource } from './source-intake.ts';
import { spoilRecord } from './testing/spoil-record.ts';

let directory = '';
const open: Journal[] = [];

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'millrace-journal-'));
});
afterEach(async () => {
  for (const journal of open.splice(0)) await journal.close();
  rmSync(directory, { recursive: true, force: true });
});

async function openHere(changes: Partial<JournalOptions> = {}): Promise<Journal> {
  const journal = await openJournal({
    directory,
    gatewayId: 1,
    maxBytes: 100e6,
    minFreeBytes: 0,
    maxAgeMs: Number.POSITIVE_INFINITY,
    clock: now,
    committed: 0,
    committedTotal: 0,
    files: diskFiles,
    log: silentLog,
    ...changes,
  });
  open.push(journal);
  return journal;
}

async function closeIt(journal: Journal): Promise<void> {
  open.splice(open.indexOf(journal), 1);
  await journal.close();
}

function record(text: string): Buffer {
  return Buffer.concat([Buffer.alloc(frameBytes), Buffer.from(text)]);
}

async function readAll(journal: Journal): Promise<{ sequence: number; text: string }[]> {
  const all: { sequence: number; text: string }[] = [];
  for (let frame = await journal.read(); frame !== undefined; frame = await journal.read()) {
    all.push({ sequence: frame.sequence, text: frame.payload.toString() });
  }
  return all;
}

const segments = (): string[] =>
  readdirSync(directory)
    .filter((name) => name !== 'lock')
    .sort();
const onlySegment = (): string => join(directory, segments()[0] ?? '');

test('records come back in order, while it is open and after it was opened again', async () => {
  const journal = await openHere();
  expect(await journal.append(record('one'), 1)).toBe(1);
  expect(await journal.append(record('two'), 2)).toBe(2);
  const both = [
    { sequence: 1, text: 'one' },
    { sequence: 2, text: 'two' },
  ];
  expect(await readAll(journal)).toEqual(both);
  await journal.append(record('three'), 3);
  expect(await readAll(journal)).toEqual([{ sequence: 3, text: 'three' }]);
  expect(journal.state.readings).toBe(6);
  await closeIt(journal);
  const again = await openHere({ committed: 1 });
  expect(again.state.readings).toBe(5);
  expect(await readAll(again)).toEqual([both[1], { sequence: 3, text: 'three' }]);
  expect(await again.append(record('four'), 1)).toBe(4);
  await again.rewind();
  expect((await readAll(again)).map(({ text }) => text)).toEqual(['two', 'three', 'four']);
});

test('a second one in the same folder is refused and touches nothing', async () => {
  const journal = await openHere();
  await journal.append(record('mine'), 1);
  await expect(openHere({ committed: 1 })).rejects.toThrow('is in use by process');
  await journal.append(record('still mine'), 1);
  expect((await readAll(journal)).map(({ text }) => text)).toEqual(['mine', 'still mine']);
});

test('new sequences begin behind what the database has committed, even when the folder is empty', async () => {
  const journal = await openHere({ committed: 41 });
  expect(await journal.append(record('next'), 1)).toBe(42);
});

test('a segment is removed once everything in it is committed', async () => {
  const journal = await openHere({ maxBytes: 8 * 64 * 1024 });
  for (let index = 0; index < 5; index++) await journal.append(record('x'.repeat(40_000)), 1);
  expect(segments().length).toBe(3);
  await readAll(journal);
  await journal.advance(4, 4, 4);
  expect(segments().length).toBe(1);
  expect(journal.state.readings).toBe(1);
  await journal.advance(5, 1, 5);
  await closeIt(journal);
  await openHere({ committed: 5 });
  expect(segments()).toEqual([]);
});

test('a file cut at any byte keeps every whole record before the cut, and is written on behind it', async () => {
  const journal = await openHere();
  for (const text of ['alpha', 'beta', 'gamma']) await journal.append(record(text), 1);
  await closeIt(journal);
  const whole = readFileSync(onlySegment());
  const ends = [5, 4, 5].reduce<number[]>(
    (sums, bytes) => [...sums, (sums.at(-1) ?? segmentHeaderBytes) + frameBytes + bytes],
    [],
  );
  for (let size = 0; size <= whole.length; size++) {
    for (const name of segments()) rmSync(join(directory, name));
    writeFileSync(join(directory, '0000000000000001.journal'), whole.subarray(0, size));
    const cut = await openHere();
    const expected = ['alpha', 'beta', 'gamma'].slice(0, ends.filter((end) => end <= size).length);
    expect(
      (await readAll(cut)).map(({ text }) => text),
      `cut at byte ${size}`,
    ).toEqual(expected);
    expect(await cut.append(record('new'), 1)).toBe(expected.length + 1);
    await closeIt(cut);
    const again = await openHere();
    expect(
      (await readAll(again)).map(({ text }) => text),
      `cut at byte ${size}, second start`,
    ).toEqual([...expected, 'new']);
    await closeIt(again);
  }
});

test('a flipped bit anywhere costs at most the record that it hits, is reported, and never stops the start', async () => {
  const journal = await openHere();
  const texts = ['alpha', 'beta', 'gamma'];
  for (const text of texts) await journal.append(record(text), 1);
  await closeIt(journal);
  const path = onlySegment();
  const whole = readFileSync(path);
  const damagedRecordAt = (byte: number): number => {
    let end = segmentHeaderBytes;
    if (byte < end) return -1;
    return texts.findIndex((text) => (end += frameBytes + text.length) > byte);
  };
  for (let byte = 0; byte < whole.length; byte++) {
    for (const bit of [0, 5]) {
      for (const name of segments()) rmSync(join(directory, name));
      const damaged = Buffer.from(whole);
      damaged[byte] = (damaged[byte] ?? 0) ^ (1 << bit);
      writeFileSync(path, damaged);
      const opened = await openHere();
      const hit = damagedRecordAt(byte);
      const read = (await readAll(opened)).map(({ text }) => text);
      expect(read, `byte ${byte}, bit ${bit}`).toEqual(texts.filter((_, index) => index !== hit));
      // The last record of the file cannot be told from one that was never finished; that is logged as a torn tail.
      expect(opened.state.damaged, `byte ${byte}, bit ${bit}`).toBe(hit === texts.length - 1 ? 0 : 1);
      await closeIt(opened);
    }
  }
});

test('damage that arises while it is open is reported once, and what it cost is no longer waited for', async () => {
  const journal = await openHere();
  const texts = ['one', 'two', 'three', 'four'];
  for (const [index, text] of texts.entries()) await journal.append(record(text), index + 1);
  const bytes = readFileSync(onlySegment());
  bytes[segmentHeaderBytes + 2 * frameBytes + 4] = 255;
  writeFileSync(onlySegment(), bytes);
  for (let round = 0; round < 2; round++) {
    expect((await readAll(journal)).map(({ text }) => text)).toEqual(['one', 'three', 'four']);
    expect(journal.state).toMatchObject({ damaged: 1, readings: 8 });
    await journal.rewind();
  }
  await journal.advance(4, 8, 10);
  expect(journal.state.readings).toBe(0);
});

test('a journal of a newer version is neither read nor removed, and the start says what to do', async () => {
  const journal = await openHere();
  await journal.append(record('from tomorrow'), 1);
  await closeIt(journal);
  const bytes = readFileSync(onlySegment());
  const header = Buffer.from(bytes.subarray(0, segmentHeaderBytes));
  header.writeUInt16LE(2, 8);
  const { crc32 } = await import('node:zlib');
  header.writeUInt32LE(crc32(header.subarray(0, 12)), 12);
  writeFileSync(onlySegment(), Buffer.concat([header, bytes.subarray(segmentHeaderBytes)]));
  await expect(openHere()).rejects.toThrow('has version 2, and this Millrace reads up to 1');
  expect(segments().length).toBe(1);
});

describe('a disk that fails', () => {
  /** The disk, but the operations whose numbers `fails` names end with ENOSPC; `count` says how many there were. */
  function failing(fails: (operation: number) => boolean): JournalFiles & { count(): number } {
    let operation = 0;
    async function maybe<Result>(work: () => Promise<Result>): Promise<Result> {
      if (fails(++operation)) throw Object.assign(new Error('ENOSPC: no space left on device'), { code: 'ENOSPC' });
      return work();
    }
    return {
      ...diskFiles,
      count: () => operation,
      syncDirectory: (path) => maybe(() => diskFiles.syncDirectory(path)),
      async open(path, how) {
        const file = how === 'create' ? await maybe(() => diskFiles.open(path, how)) : await diskFiles.open(path, how);
        return {
          ...file,
          // Half of the bytes reach the disk before it fails: the worst it can do.
          write: async (bytes, position) => {
            await file.write(bytes.subarray(0, bytes.length >>> 1), position);
            await maybe(() => file.write(bytes, position));
          },
          sync: () => maybe(() => file.sync()),
        };
      },
    };
  }

  test('for every N: when the Nth operation fails once, everything appended is there once and in order', async () => {
    const texts = ['one', 'two', 'three'];
    for (let nth = 1; ; nth++) {
      rmSync(directory, { recursive: true, force: true });
      const files = failing((operation) => operation === nth);
      const journal = await openHere({ files });
      for (const [index, text] of texts.entries()) expect(await journal.append(record(text), 1)).toBe(index + 1);
      expect(journal.state.failure).toBeNull();
      expect(
        (await readAll(journal)).map(({ text }) => text),
        `operation ${nth}`,
      ).toEqual(texts);
      await closeIt(journal);
      const again = await openHere();
      expect(
        (await readAll(again)).map(({ text }) => text),
        `operation ${nth}, second start`,
      ).toEqual(texts);
      await closeIt(again);
      if (files.count() < nth) break;
    }
  });

  test('while it fails nothing is appended and the state says why; afterwards it goes on without a restart', async () => {
    let broken = true;
    const journal = await openHere({ files: failing(() => broken) });
    const appended = journal.append(record('patient'), 1);
    await expect.poll(() => journal.state.failure).toContain('ENOSPC');
    expect(journal.state.readings).toBe(0);
    broken = false;
    expect(await appended).toBe(1);
    expect(journal.state.failure).toBeNull();
    expect((await readAll(journal)).map(({ text }) => text)).toEqual(['patient']);
  });

  test('closing gives up what could never be written', async () => {
    const journal = await openHere({ files: failing(() => true) });
    const appended = journal.append(record('lost'), 1).catch((error: unknown) => error);
    await expect.poll(() => journal.state.failure).toContain('ENOSPC');
    await closeIt(journal);
    expect(await appended).toMatchObject({
      message: expect.stringContaining('closed before the record could be written'),
      cause: { code: 'ENOSPC' },
    });
  });
});

/** Records of the intake with one rejected reading of 40 KB each. */
function intakeRecord(receivedAtMs: number): Buffer {
  const source = createSource({ protocol: 'mqtt', name: 'line' }, 24);
  addRejected(source, 'x', 'malformed_payload', 'Broken.', Buffer.alloc(40_000));
  return encodeIntake(receivedAtMs, [journaled(source)]);
}

/** What is in the journal: sequences, and how many readings were received and dropped in the record. */
async function readBooks(journal: Journal): Promise<unknown[]> {
  const books: unknown[] = [];
  for (let frame = await journal.read(); frame !== undefined; frame = await journal.read()) {
    const entry = decodeEntry(frame.payload);
    if (entry.kind !== 'intake') books.push([frame.sequence, entry.kind]);
    else for (const source of entry.sources) books.push([frame.sequence, source.received, source.dropped]);
  }
  return books;
}

test('it is full above its size or below the free space; the oldest segment is dropped but for its books, for good', async () => {
  const journal = await openHere({ maxBytes: 8 * 64 * 1024 });
  // Two records fit a segment.
  for (let index = 0; index < 13; index++) {
    const isOrder = index === 3;
    await journal.append(
      isOrder ? encodeBackfill('mqtt', 'x'.repeat(40_000)) : intakeRecord(60_000 * (index >> 2)),
      isOrder ? 0 : 1,
    );
  }
  expect(await journal.isFull()).toBe(true);
  await journal.read();
  // The first segment is being read and stays. Nothing is less in the books, and orders stay where they were.
  for (let round = 0; round < 2; round++) expect(await journal.dropOldest(createDropper)).toBeGreaterThan(0);
  const { bytes, readings } = journal.state;
  expect(readings).toBe(12);
  const kept = [7, 8, 9, 10, 11, 12, 13].map((sequence) => [sequence, 1, 0]);
  const books = [[3, 1, 1], [4, 'backfill'], [6, 2, 2], ...kept];
  expect(await readBooks(journal)).toEqual([[2, 1, 0], ...books]);
  await closeIt(journal);
  const again = await openHere({ committed: 2, committedTotal: 2 });
  expect(again.state).toMatchObject({ bytes: expect.closeTo(bytes - 80_000, -4), readings: 10, damaged: 0 });
  expect(await readBooks(again)).toEqual(books);
  await closeIt(again);
  const small = await openHere({ minFreeBytes: Number.MAX_SAFE_INTEGER });
  expect(await small.isFull()).toBe(true);
});

test.each([[[1]], [[2]], [[3]], [[1, 2, 3]]])(
  'records %j that cannot be decoded leave their count when the oldest readings are dropped',
  async (spoiled) => {
    const journal = await openHere({ maxBytes: 8 * 100 * 1024 });
    for (let index = 0; index < 4; index++) await journal.append(intakeRecord(60_000), 1);
    for (const sequence of spoiled) spoilRecord(directory, sequence);
    expect(segments().length).toBe(2);
    expect(await journal.dropOldest(createDropper)).toBe(3 - spoiled.length);
    expect(journal.state.damaged).toBe(spoiled.length);
    await closeIt(journal);
    const again = await openHere();
    const read = [];
    for (let frame = await again.read(); frame !== undefined; frame = await again.read()) {
      const entry = decodeEntry(frame.payload);
      if (entry.kind !== 'intake') continue;
      const received = entry.sources.reduce((sum, source) => sum + source.received, 0);
      read.push({ sequence: frame.sequence, total: frame.total, readings: frame.readings, received });
    }
    // Their readings are counted by the frames and by nothing else, and no sequence is free for another record.
    expect(read.reduce((sum, { readings }) => sum + readings, 0)).toBe(4);
    expect(read.reduce((sum, { received }) => sum + received, 0)).toBe(4 - spoiled.length);
    expect(read.slice(-2)).toMatchObject([
      { sequence: 3, total: 3 },
      { sequence: 4, total: 4 },
    ]);
    expect(again.state).toMatchObject({ damaged: 0, readings: 4, last_sequence: 4 });
  },
);

test('for every N: when the Nth operation of dropping fails, nothing is lost', async () => {
  for (let nth = 1; ; nth++) {
    rmSync(directory, { recursive: true, force: true });
    let operation = Number.NEGATIVE_INFINITY;
    async function maybe<Result>(work: () => Promise<Result>): Promise<Result> {
      if (++operation === nth) throw Object.assign(new Error('ENOSPC: no space left on device'), { code: 'ENOSPC' });
      return work();
    }
    const files: JournalFiles = {
      ...diskFiles,
      syncDirectory: (path) => maybe(() => diskFiles.syncDirectory(path)),
      replace: (from, to) => maybe(() => diskFiles.replace(from, to)),
      async open(path, how) {
        const file = await maybe(() => diskFiles.open(path, how));
        return {
          ...file,
          write: (bytes, at) => maybe(() => file.write(bytes, at)),
          sync: () => maybe(() => file.sync()),
        };
      },
    };
    const journal = await openHere({ maxBytes: 8 * 64 * 1024, files });
    for (let index = 0; index < 5; index++) await journal.append(intakeRecord(0), 1);
    operation = 0;
    await journal.dropOldest(createDropper);
    const seen = operation;
    operation = Number.NEGATIVE_INFINITY;
    const books = (await readBooks(journal)) as [number, number, number][];
    expect(
      books.reduce((sum, [, received]) => sum + received, 0),
      `operation ${nth}`,
    ).toBe(5);
    await closeIt(journal);
    const again = await openHere();
    expect(await readBooks(again), `operation ${nth}, second start`).toEqual(books);
    await closeIt(again);
    if (seen < nth) break;
  }
});

test('it is full when readings wait in it for too long, until those are dropped or stored', async () => {
  let nowMs = now();
  const journal = await openHere({ maxAgeMs: 8 * 3_600_000, clock: () => nowMs });
  await journal.append(intakeRecord(nowMs), 1);
  nowMs += 2 * 3_600_000;
  await journal.append(intakeRecord(nowMs), 1);
  nowMs += 6.5 * 3_600_000;
  expect(await journal.isFull()).toBe(true);
  expect(await journal.dropOldest(createDropper)).toBeGreaterThan(0);
  expect(await journal.isFull()).toBe(false);
  // Nothing was written since: also what is still open for writing grows old.
  nowMs += 2 * 3_600_000;
  expect(await journal.isFull()).toBe(true);
  expect(await readBooks(journal)).toEqual([
    [1, 1, 1],
    [2, 1, 0],
  ]);
  await journal.advance(2, 2, 2);
  expect(await journal.isFull()).toBe(false);
});

test('after the oldest was dropped the disk is asked anew whether it is still full', async () => {
  let free = 1e9;
  const files: JournalFiles = { ...diskFiles, freeBytes: async () => free };
  const journal = await openHere({ maxBytes: 8 * 64 * 1024, minFreeBytes: 1e6, files });
  for (let index = 0; index < 6; index++) await journal.append(intakeRecord(0), 1);
  free = 0;
  expect(await journal.isFull()).toBe(true);
  await journal.dropOldest(createDropper);
  free = 1e9;
  expect(await journal.isFull()).toBe(false);
});

test('on a disk that is too full, what is stored gives its bytes back, though its segment is not full yet', async () => {
  const journal = await openHere({ minFreeBytes: 1e6, files: { ...diskFiles, freeBytes: async () => free() } });
  const free = (): number => 1e6 + 20_000 - journal.state.bytes;
  await journal.append(intakeRecord(0), 1);
  expect(await journal.isFull()).toBe(true);
  expect(journal.isRoomy).toBe(false);
  // What is not stored yet stays.
  expect(journal.state).toMatchObject({ segments: 1, readings: 1 });
  await journal.read();
  await journal.advance(1, 1, 1);
  await pause(1100);
  expect(await journal.isFull()).toBe(false);
  expect(journal.isRoomy).toBe(true);
  expect(journal.state).toMatchObject({ segments: 0, bytes: 0 });
  await journal.append(intakeRecord(60_000), 1);
  expect(await readBooks(journal)).toEqual([[2, 1, 0]]);
});
