import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { environmentWith } from '../settings.ts';

// Runs vitest on files that leak, because a leak cannot be shown inside the run that checks for it.
const root = join(import.meta.dirname, '../..');
let folder: string;
let output: string;
let errors: string;
let exitCode: number | null;

const files: Record<string, string> = {
  'clean.test.ts': `import { test } from 'vitest'; import { createServer } from 'node:net';
    test('closes what it opens', async () => {
      const server = createServer(); await new Promise((done) => server.listen(0, '127.0.0.1', done));
      await new Promise((done) => server.close(done));
      clearInterval(setInterval(() => undefined, 60_000)); setTimeout(() => undefined, 60_000).unref();
    });`,
  'server.test.ts': `import { test } from 'vitest'; import { createServer } from 'node:net';
    test('leaves a server', () => new Promise((done) => { createServer().listen(0, '127.0.0.1', done); }));`,
  'timer.test.ts': `import { test } from 'vitest'; test('leaves a timer', () => { setInterval(() => undefined, 60_000); });`,
  'child.test.ts': `import { test } from 'vitest'; import { spawn } from 'node:child_process';
    test('leaves a child', () => { spawn(process.execPath, ['-e', 'setTimeout(() => undefined, 20_000)'], { stdio: 'ignore' }); });`,
  'worker.test.ts': `import { test } from 'vitest'; import { Worker } from 'node:worker_threads';
    test('leaves a worker', () => { new Worker('setInterval(() => undefined, 1000)', { eval: true }); });`,
  'skipped.test.ts': `import { test } from 'vitest'; test.skip('needs a peer (skipped: no peer)', () => undefined);
    test('looks first', (context) => context.skip('nothing to see'));`,
};

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'millrace-leaks-'));
  mkdirSync(join(folder, 'cache'));
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  writeFileSync(
    join(folder, 'vitest.config.mts'),
    `export default { cacheDir: 'cache', test: { setupFiles: ['${root}/core/testing/leaks.ts'], teardownTimeout: 1000,
      reporters: ['default', '${root}/core/testing/closing-line.ts'], include: ['*.test.ts'], maxWorkers: 2 } };`,
  );
  const run = spawnSync(process.execPath, [join(root, 'node_modules/vitest/vitest.mjs'), 'run', '--root', folder], {
    encoding: 'utf8',
    env: environmentWith({ NO_COLOR: '1', FORCE_COLOR: '' }),
    timeout: 100_000,
  });
  output = run.stdout;
  errors = run.stderr;
  exitCode = run.status;
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test.each([
  ['server.test.ts', '1 TCPServerWrap'],
  ['timer.test.ts', '1 timer (repeating after 60000 ms)'],
  ['child.test.ts', '1 ProcessWrap'],
  ['worker.test.ts', '1 worker thread'],
])('%s fails, naming %s', (file, what) => {
  const failure = errors.split('FAIL').find((part) => part.includes(file)) ?? '';
  expect(failure).toContain('This file left open: ');
  expect(failure).toContain(what);
});

test('a file that closes what it opens passes, and the run ends with the closing line', () => {
  expect(exitCode).toBe(1);
  expect(errors).not.toMatch(/FAIL.*clean\.test\.ts/);
  expect(output.trimEnd().split('\n').slice(-3)).toEqual([
    'skipped: skipped.test.ts > needs a peer (skipped: no peer)',
    'skipped: skipped.test.ts > looks first (skipped: nothing to see)',
    '5 passed, 4 failed, 2 skipped',
  ]);
});
