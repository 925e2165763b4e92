import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { now } from '../../core/clock.ts';
import { silentLog } from '../../core/log.ts';
import { Quality } from '../../core/reading.ts';
import { waitUntil } from '../../core/testing/wait-until.ts';
import type { Source } from '../receive/receiver.ts';
import { addReading, addRejected } from '../resolve/add-reading.ts';
import { diskFiles, type JournalFiles } from './journal-files.ts';
import type { Journal } from './journal.ts';
import { openJournal } from './open-journal.ts';
import { openIntake, type JournalIntake } from './open-intake.ts';
import { decodeEntry, type JournalEntry } from './record.ts';

const line1: Source = { protocol: 'mqtt', name: 'a/b/line-01' };
const line2: Source = { protocol: 'mqtt', name: 'a/b/line-02' };
const nowMs = 1_772_352_930_000;
const signal = {
  signal_id: 7,
  machine_id: 1,
  kind: 'measurement',
  quantity: 'x',
  expected_interval_seconds: 1,
} as const;

let directory = '';
let journal: Journal;
let intake: JournalIntake;
let syncs = 0;
let broken = false;

const files: JournalFiles = {
  ...diskFiles,
  async open(path, how) {
    const file = await diskFiles.open(path, how);
    return {
      ...file,
      async sync() {
        if (broken) throw Object.assign(new Error('EIO: i/o error'), { code: 'EIO' });
        syncs++;
        await file.sync();
      },
    };
  },
};

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'millrace-intake-'));
  broken = false;
  syncs = 0;
});
afterEach(async () => {
  broken = false;
  await intake.close();
  await journal.close();
  rmSync(directory, { recursive: true, force: true });
});

async function start(whenFull: 'stop' | 'drop-oldest' | 'drop-newest' = 'stop', maxBytes = 1e9): Promise<void> {
  journal = await openJournal({
    directory,
    gatewayId: 1,
    maxBytes,
    minFreeBytes: 0,
    maxAgeMs: Number.POSITIVE_INFINITY,
    clock: now,
    committed: 0,
    committedTotal: 0,
    files,
    log: silentLog,
  });
  intake = await openIntake({
    journal,
    clock: () => nowMs,
    log: silentLog,
    whenFull,
    farFutureHours: 24,
    onRecord: () => undefined,
  });
}

function send(source: Source, rows: number, onDurable?: (token: number) => void, token?: number): boolean {
  const into = intake.open(source);
  for (let row = 0; row < rows; row++)
    addReading(into, 'x', signal, nowMs * 1000 + row, row, Quality.good, nowMs * 1000);
  return intake.handOver(onDurable, token);
}

async function readEntries(): Promise<JournalEntry[]> {
  const entries: JournalEntry[] = [];
  for (let frame = await journal.read(); frame !== undefined; frame = await journal.read())
    entries.push(decodeEntry(frame.payload));
  return entries;
}

/** Sums over all records: what was received, what of it is in the record, what was dropped. */
async function books(): Promise<{ received: number; kept: number; dropped: number }> {
  const sums = { received: 0, kept: 0, dropped: 0 };
  for (const entry of await readEntries()) {
    if (entry.kind !== 'intake') continue;
    for (const source of entry.sources) {
      sums.received += source.received;
      sums.kept += source.live.length + source.rejected.length;
      sums.dropped += source.dropped;
    }
  }
  return sums;
}

test('many messages of several sources share one record and one sync, and each is told once that it is durable', async () => {
  await start();
  const tokens: number[] = [];
  for (let index = 0; index < 200; index++)
    send(index % 2 === 0 ? line1 : line2, 3, (token) => tokens.push(token), index);
  expect(tokens).toEqual([]);
  await waitUntil('all are durable', () => tokens.length === 200);
  expect(tokens).toEqual(Array.from({ length: 200 }, (_, index) => index));
  // One for the new segment's header, one for the record.
  expect(syncs).toBe(2);
  const [entry] = await readEntries();
  expect(entry).toMatchObject({
    kind: 'intake',
    received_at_ms: nowMs,
    sources: [
      { name: line1.name, received: 300 },
      { name: line2.name, received: 300 },
    ],
  });
});

test('an order to back-fill comes behind everything that was handed over before it', async () => {
  await start();
  send(line1, 1);
  intake.backfill('mqtt', 'a/b/line-01/m/x');
  await waitUntil('both are journaled', () => journal.state.last_sequence === 2);
  expect((await readEntries()).map(({ kind }) => kind)).toEqual(['intake', 'backfill']);
});

test('while the disk fails nothing is called durable and reading stops; when it works again all is there', async () => {
  await start();
  broken = true;
  const tokens: number[] = [];
  const full: boolean[] = [];
  intake.onFull((is) => full.push(is));
  send(line1, 5, (token) => tokens.push(token), 1);
  await waitUntil('reading is stopped', () => intake.isFull);
  send(line1, 5, (token) => tokens.push(token), 2);
  expect(tokens).toEqual([]);
  expect(journal.state.failure).toContain('EIO');
  broken = false;
  await waitUntil('both are durable', () => tokens.length === 2);
  await waitUntil('reading goes on', () => !intake.isFull);
  expect(full).toEqual([true, false]);
  expect(await books()).toEqual({ received: 10, kept: 10, dropped: 0 });
});

test('a full journal stops reading and acknowledging until there is room again', async () => {
  await start('stop', 512 * 1024);
  const tokens: number[] = [];
  for (let index = 0; index < 8; index++) {
    send(line1, 4000, (token) => tokens.push(token), index);
    if (index < 6) await waitUntil('it is durable', () => tokens.length === index + 1);
  }
  await waitUntil('reading is stopped', () => intake.isFull);
  expect(tokens.length).toBeLessThan(8);
  const waiting = intake.waiting;
  expect(waiting).toBeGreaterThan(0);
  await books();
  await journal.advance(journal.state.last_sequence, journal.state.readings, 0);
  await waitUntil('all are durable', () => tokens.length === 8);
  await waitUntil('reading goes on', () => !intake.isFull);
});

test('a journal that is full at the start is known to be, and roomy only well below', async () => {
  await start('stop', 512 * 1024);
  for (let index = 0; index < 8; index++) {
    send(line1, 4000, () => undefined);
    await waitUntil('it is taken', () => intake.waiting === 0 || intake.isFull);
  }
  await waitUntil('it is full', () => intake.isFull);
  expect([intake.fullness, intake.isRoomy]).toEqual(['journal', false]);
  await intake.close();
  await journal.close();
  await start('stop', 512 * 1024);
  expect([intake.isFull, intake.fullness, intake.isRoomy]).toEqual([true, 'journal', false]);
  const { last_sequence } = journal.state;
  await journal.advance(2, 4000, 4000);
  await waitUntil('there is some room', () => !intake.isFull);
  expect([intake.fullness, intake.isRoomy]).toEqual([null, false]);
  await journal.advance(last_sequence, journal.state.readings, 0);
  await waitUntil('there is plenty', () => intake.isRoomy);
});

test('a record larger than the whole journal fills it only until it is stored', async () => {
  await start('stop', 64 * 1024);
  send(line1, 30_000, () => undefined);
  await waitUntil('reading stops', () => intake.isFull);
  expect(journal.state).toMatchObject({ segments: 1, last_sequence: 1 });
  for (const journaled of [30_000, 60_000]) {
    await journal.read();
    const { last_sequence } = journal.state;
    await journal.advance(last_sequence, 30_000, journaled);
    // As the store does, which looks for more before it waits.
    expect(await journal.read()).toBeUndefined();
    await waitUntil('there is room again', () => !intake.isFull);
    expect(journal.state).toMatchObject({ segments: 0, bytes: 0 });
    send(line1, 30_000, () => undefined);
    await waitUntil(
      'the next one fills it as well',
      () => journal.state.last_sequence > last_sequence && intake.isFull,
    );
  }
});

test('drop-newest acknowledges what comes, keeps only the counts, and says how many were dropped', async () => {
  await start('drop-newest', 512 * 1024);
  const tokens: number[] = [];
  for (let index = 0; index < 10; index++) {
    send(line1, 4000, (token) => tokens.push(token), index);
    await waitUntil('it is durable', () => tokens.length === index + 1);
  }
  expect(intake.dropped).toBeGreaterThan(0);
  expect(journal.state.bytes).toBeLessThan(700 * 1024);
  expect(await books()).toEqual({ received: 40_000, kept: 40_000 - intake.dropped, dropped: intake.dropped });
});

test('drop-oldest makes room by whole segments and keeps their books', async () => {
  await start('drop-oldest', 512 * 1024);
  let durable = 0;
  for (let index = 0; index < 30; index++) {
    send(index % 2 === 0 ? line1 : line2, 4000, () => durable++);
    await waitUntil('it is durable', () => durable === index + 1);
  }
  expect(intake.dropped).toBeGreaterThan(40_000);
  expect(journal.state.bytes).toBeLessThan(700 * 1024);
  expect(await books()).toEqual({ received: 120_000, kept: 120_000 - intake.dropped, dropped: intake.dropped });
});

test('beyond the memory limit a message without acknowledgement is counted as dropped, one with it is left to its sender', async () => {
  await start();
  broken = true;
  let durable = 0;
  const full: boolean[] = [];
  intake.onFull((is) => full.push(is));
  send(line1, 500_000);
  send(line1, 7);
  expect(full).toEqual([]);
  // Who waits for the acknowledgement is told at once to hang up: on this connection it would never come.
  expect(send(line1, 3, () => durable++)).toBe(false);
  expect(full).toEqual([true]);
  expect(intake.dropped).toBe(7);
  broken = false;
  await waitUntil('reading goes on', () => full.length === 2);
  await waitUntil('everything is journaled', () => journal.state.readings >= 500_007);
  expect(durable).toBe(0);
  expect(await books()).toEqual({ received: 500_007, kept: 500_000, dropped: 7 });
});

test('large rejected payloads count against the memory limit too', async () => {
  await start();
  broken = true;
  const payload = Buffer.alloc(1024 * 1024);
  for (let index = 0; index < 80; index++) {
    addRejected(intake.open(line1), 'x', 'malformed_payload', 'Broken.', payload);
    intake.handOver();
  }
  expect(intake.dropped).toBeGreaterThan(0);
  expect(intake.dropped).toBeLessThan(30);
});

test('long addresses and reasons of rejected readings count against it as well', async () => {
  await start();
  broken = true;
  const long = 'x'.repeat(1024);
  const into = intake.open(line1);
  for (let index = 0; index < 32_000; index++) addRejected(into, long, 'wrong_topic', long, null);
  intake.handOver();
  send(line1, 7);
  expect(intake.dropped).toBe(7);
});
