import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { environmentWith } from './settings.ts';

const root = join(import.meta.dirname, '..');
const dataDir = mkdtempSync(join(tmpdir(), 'millrace-arguments-'));
afterAll(() => rmSync(dataDir, { recursive: true, force: true }));

const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { scripts: Record<string, string> };
const commands = ['migrate', 'simulate', 'plant', 'opcua:trust', 'replay', 'doctor', 'reconcile', 'backfill'];

test.each(commands)(
  'npm run %s -- --help says how it is used, and an unknown option ends it, before anything',
  (name) => {
    const [, ...words] = scripts[name]?.split(' ') ?? [];
    const run = (word: string) =>
      spawnSync(process.execPath, [...words, word], {
        cwd: root,
        encoding: 'utf8',
        env: environmentWith({ DATA_DIR: dataDir, DATABASE_URL: '' }) as NodeJS.ProcessEnv,
      });
    expect(run('--help')).toMatchObject({ status: 0, stdout: expect.stringContaining(`npm run ${name}`), stderr: '' });
    expect(run('--bogus')).toMatchObject({ status: 1, stdout: '', stderr: expect.stringContaining("'--bogus'") });
    expect(readdirSync(dataDir)).toEqual([]);
  },
);
