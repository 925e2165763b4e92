import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openLogFile } from './log-file.ts';

let folder: string;
beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), 'millrace-log-'))));
afterEach(() => rmSync(folder, { recursive: true, force: true }));
const read = (name: string): string => readFileSync(join(folder, name), 'utf8');

test('a log that is written for a long time stays within two files, and its newest lines stay', () => {
  const log = openLogFile(folder, 'ingest', 1000);
  for (let line = 0; line < 1000; line++) log.write(Buffer.from(`line ${String(line).padStart(4, '0')}\n`));
  log.close();
  expect(readdirSync(folder).sort()).toEqual(['ingest.log', 'ingest.log.1']);
  const both = read('ingest.log.1') + read('ingest.log');
  expect(both.length).toBeLessThan(2020);
  expect(both.endsWith('line 0998\nline 0999\n')).toBe(true);
  expect(read('ingest.log.1')).toHaveLength(1000);
});

test('what an earlier run has written counts, and is kept', () => {
  writeFileSync(join(folder, 'api.log'), 'x'.repeat(1000));
  const log = openLogFile(folder, 'api', 1000);
  log.write(Buffer.from('new\n'));
  log.close();
  expect(read('api.log')).toBe('new\n');
  expect(read('api.log.1')).toBe('x'.repeat(1000));
});
