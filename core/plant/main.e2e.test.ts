import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { environmentWith } from '../settings.ts';

const folder = mkdtempSync(join(tmpdir(), 'millrace-plant-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test('a file of another enterprise than ENTERPRISE is imported with a warning, since nothing of it would be shown', () => {
  const file = join(folder, 'plant.csv');
  writeFileSync(file, 'record,enterprise,site,time_zone\nenterprise,acme,,\nsite,,graz,Europe/Vienna\n');
  const check = (enterprise: string) =>
    spawnSync(process.execPath, [join(import.meta.dirname, 'main.ts'), 'import', file, '--check'], {
      encoding: 'utf8',
      env: environmentWith({ DATA_DIR: folder, ENTERPRISE: enterprise }) as NodeJS.ProcessEnv,
    });
  const other = check('millrace');
  expect(other.stderr).toContain('start it with ENTERPRISE=acme');
  expect(other.stdout).toContain('is right');
  expect(other.status).toBe(0);
  expect(check('acme').stderr).toBe('');
});
