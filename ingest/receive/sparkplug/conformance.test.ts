import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';

// docs/sparkplug-conformance.md promises a test for each statement; a renamed or removed test must not go unnoticed.
const root = join(import.meta.dirname, '../../..');
const page = readFileSync(join(root, 'docs/sparkplug-conformance.md'), 'utf8');
const tests = ['ingest/receive/sparkplug/*.test.ts', 'core/sparkplug/*.test.ts']
  .flatMap((pattern) => globSync(pattern, { cwd: root }))
  .map((file) => readFileSync(join(root, file), 'utf8'))
  .join('\n');
const lines = page.split('\n').map((line) => line.trim());

test('every statement stands once and is shown by a test', () => {
  const rows = lines
    .filter((line) => line.startsWith('| tck-id-'))
    .map((line) => line.split('|').map((cell) => cell.trim()));
  const ids = rows.map(([, id]) => id);
  expect(ids.length).toBe(new Set(ids).size);
  expect(ids.length).toBeGreaterThan(75);
  const listed = new Set(lines.flatMap((line) => /^- (T\d+): "/.exec(line)?.[1] ?? []));
  expect(rows.filter(([, , , test]) => !listed.has(test ?? ''))).toEqual([]);
});

test('every listed test is there', () => {
  const titles = lines.flatMap((line) => /^- T\d+: "(.+)"$/.exec(line)?.[1] ?? []);
  expect(titles.length).toBeGreaterThan(10);
  expect(titles.filter((title) => !tests.includes(`'${title}'`))).toEqual([]);
});
