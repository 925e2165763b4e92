import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readlinkSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { lockFolder } from './lock-folder.ts';

function makeFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-lock-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

test('a folder in use is refused with the process that uses it, and free when that has given it back', async () => {
  const folder = makeFolder();
  const unlock = await lockFolder(folder);
  await expect(lockFolder(folder)).rejects.toThrow(`is in use by process ${process.pid}; stop it`);
  unlock();
  (await lockFolder(folder))();
  expect(readdirSync(folder)).toEqual([]);
});

test('a lock left behind by a process that was killed is taken over at once, also when its number is used again', async () => {
  const folder = makeFolder();
  const path = join(folder, 'lock');
  const module = join(import.meta.dirname, 'lock-folder.ts');
  const script = `import { lockFolder } from ${JSON.stringify(module)}; await lockFolder(${JSON.stringify(folder)}); console.log('locked'); setInterval(() => {}, 1000);`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await new Promise((resolve) => child.stdout.once('data', resolve));
  const left = readlinkSync(path);
  await expect(lockFolder(folder)).rejects.toThrow(`process ${child.pid}`);
  child.kill('SIGKILL');
  await new Promise((resolve) => child.once('exit', resolve));
  (await lockFolder(folder))();
  symlinkSync(left.replace(String(child.pid), String(process.pid)), path);
  (await lockFolder(folder))();
});

test('a lock of another machine is taken over when nobody touches it', async () => {
  const folder = makeFolder();
  symlinkSync('1 1 elsewhere', join(folder, 'lock'));
  (await lockFolder(folder, 500))();
  expect(readdirSync(folder)).toEqual([]);
});
