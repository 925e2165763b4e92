import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { now } from '../../core/clock.ts';
import { silentLog } from '../../core/log.ts';
import { diskFiles, type JournalFiles } from '../journal/journal-files.ts';
import { openJournal } from '../journal/open-journal.ts';
import { encodeBackfill, encodeIntake, journaled } from '../journal/record.ts';
import { createSource } from '../journal/source-intake.ts';
import { spoilRecord } from '../journal/testing/spoil-record.ts';
import { addRejected } from '../resolve/add-reading.ts';
import { createWorkReader } from './work.ts';

test('when the journal cannot be read once, no record is passed over', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'millrace-work-'));
  // Of the openings for reading the one with this number fails.
  let failsAt = 0;
  let opens = 0;
  const files: JournalFiles = {
    ...diskFiles,
    open(path, how) {
      if (how === 'keep' && ++opens === failsAt)
        return Promise.reject(Object.assign(new Error('EMFILE: too many open files'), { code: 'EMFILE' }));
      return diskFiles.open(path, how);
    },
  };
  const journal = await openJournal({
    directory,
    gatewayId: 1,
    maxBytes: 8 * 64 * 1024,
    minFreeBytes: 0,
    maxAgeMs: Number.POSITIVE_INFINITY,
    clock: now,
    committed: 0,
    committedTotal: 0,
    files,
    log: silentLog,
  });
  onTestFinished(async () => {
    await journal.close();
    rmSync(directory, { recursive: true, force: true });
  });
  const records = 7;
  const source = createSource({ protocol: 'mqtt', name: 'line' }, 24);
  addRejected(source, 'x', 'too_large', 'Too large.', Buffer.alloc(30_000));
  for (let index = 0; index < records; index++) await journal.append(encodeIntake(0, [journaled(source)]), 1);
  await journal.append(encodeBackfill('mqtt', 'x'), 0);
  // Whole, but of a form that nobody knows: read twice because of the failure, and skipped, not tried again.
  spoilRecord(directory, 3);
  const work = createWorkReader(journal, 20_000);
  failsAt = 2;
  await expect(work.read()).rejects.toThrow('EMFILE');
  const next = await work.read();
  expect(next).toMatchObject({ kind: 'intake', readings: records, sequence: records });
  expect(next?.kind === 'intake' && next.entries.map(({ entry }) => entry.sources.length)).toEqual([
    1, 1, 0, 1, 1, 1, 1,
  ]);
  expect(await work.read()).toMatchObject({ kind: 'backfill', sequence: records + 1 });
  expect(journal.state).toMatchObject({ damaged: 1, readings: records });
  await journal.advance(records + 1, records, records);
  expect(journal.state).toMatchObject({ damaged: 1, readings: 0 });
});
