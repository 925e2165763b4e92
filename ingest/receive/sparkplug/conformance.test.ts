import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';

// docs/sparkplug-conformance.md promises a test for each statement; a renamed or removed test must not go unnoticed.
const root = join(import.meta.dirname, '../../..');
const lines = readFileSync(join(root, 'docs/sparkplug-conformance.md'), 'utf8')
  .split('\n')
  .map((line) => line.trim());
// The ids of the specification's statements for host applications, and of those on what a host may publish.
const hostIds = readFileSync(join(root, 'docs/sparkplug-host-ids.txt'), 'utf8').trim().split('\n');
const tests = ['ingest/receive/sparkplug/*.test.ts', 'core/sparkplug/*.test.ts']
  .flatMap((pattern) => globSync(pattern, { cwd: root }))
  .map((file) => readFileSync(join(root, file), 'utf8'))
  .join('\n');
const rows = lines
  .filter((line) => line.startsWith('| tck-id-'))
  .map((line) => line.split('|').map((cell) => cell.trim()))
  .map(([, id = '', , shownBy = '']) => ({ id, shownBy }));

test('every statement for host applications stands once, by its full id', () => {
  expect(rows.map(({ id }) => id).toSorted()).toEqual(hostIds.toSorted());
});

test('every statement is shown by tests of the list', () => {
  const listed = new Set(lines.flatMap((line) => /^- (T\d+): "/.exec(line)?.[1] ?? []));
  const start = lines.indexOf('## What does not apply');
  const doesNotApply = new Set(lines.slice(start).flatMap((line) => /^\| (tck-id-\S+)/.exec(line)?.[1] ?? []));
  const unproved = rows.filter(({ id, shownBy }) =>
    doesNotApply.has(id) ? shownBy !== 'none' : !shownBy.split(', ').every((name) => listed.has(name)),
  );
  expect(unproved).toEqual([]);
});

test('every listed test is there', () => {
  const titles = lines.flatMap((line) => /^- T\d+: "(.+)"$/.exec(line)?.[1] ?? []);
  expect(titles.length).toBeGreaterThan(10);
  expect(titles.filter((title) => !tests.includes(`'${title}'`))).toEqual([]);
});
