import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { environmentWith } from '../settings.ts';
import { createTestDatabase } from '../testing/database.ts';
import { insertSmallPlant } from '../testing/small-plant.ts';

const folder = mkdtempSync(join(tmpdir(), 'millrace-plant-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Runs the command with these words. */
function plant(words: string[], environment: Record<string, string>) {
  return spawnSync(process.execPath, [join(import.meta.dirname, 'main.ts'), ...words], {
    encoding: 'utf8',
    env: environmentWith({ DATA_DIR: folder, ...environment }) as NodeJS.ProcessEnv,
  });
}

test('a file of another enterprise than ENTERPRISE is imported with a warning, since nothing of it would be shown', () => {
  const file = join(folder, 'plant.csv');
  writeFileSync(file, 'record,enterprise,site,time_zone\nenterprise,acme,,\nsite,,graz,Europe/Vienna\n');
  const check = (enterprise: string) => plant(['import', file, '--check'], { ENTERPRISE: enterprise });
  const other = check('millrace');
  expect(other.stderr).toContain('start it with ENTERPRISE=acme');
  expect(other.stdout).toContain('is right');
  expect(other.status).toBe(0);
  expect(check('acme').stderr).toBe('');
});

test('the reference plant comes into a database that has machines of other enterprises only, and once', async () => {
  const database = await createTestDatabase();
  await insertSmallPlant(database, 'acme', 1);
  const environment = { DATABASE_URL: database.url };
  expect(plant(['reference', '--if-empty'], environment).stdout).toContain('machine 236');
  expect(plant(['reference', '--if-empty'], environment).stdout).toBe('236 machines are there already.\n');
});
