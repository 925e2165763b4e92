import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { freePort } from '../core/embedded/postgres.ts';
import { environmentWith } from '../core/settings.ts';
import { waitUntil } from '../core/testing/wait-until.ts';

const dataDir = mkdtempSync(join(tmpdir(), 'millrace-inject-'));
afterAll(() => rmSync(dataDir, { recursive: true, force: true }));
const program = join(import.meta.dirname, 'main.ts');

function inject(machine = 'berlin/line-01/m-003'): Promise<{ code: number; out: string; err: string }> {
  const parameters = [program, 'inject', '--machine', machine, '--fault', 'bearing'];
  return new Promise((resolve) => {
    const child = execFile(process.execPath, parameters, { env: environment }, (_error, out, err) =>
      resolve({ code: child.exitCode ?? -1, out, err }),
    );
  });
}

let environment: NodeJS.ProcessEnv = environmentWith({ DATA_DIR: dataDir }) as NodeJS.ProcessEnv;

it('a fault asked of nobody is a warning; of a running plant it is not', async () => {
  const nobody = await inject();
  expect(nobody.err).toContain(`No simulated plant runs on DATA_DIR ${dataDir}`);
  expect(nobody.code).toBe(2);

  environment = environmentWith({
    DATA_DIR: dataDir,
    OPCUA_URLS: `opc.tcp://127.0.0.1:${await freePort()}`,
  }) as NodeJS.ProcessEnv;
  const plant = spawn(process.execPath, [program, '--only', 'opcua', '--lines', '3'], {
    env: environment,
    stdio: 'ignore',
  });
  try {
    const file = join(dataDir, 'alive', 'simulators');
    await waitUntil('the plant runs', () => existsSync(file), { limitMs: 60_000 });
    expect(await inject()).toMatchObject({ code: 0, err: '', out: expect.stringContaining('Asked for: bearing') });
    const ended = once(plant, 'exit');
    plant.kill('SIGTERM');
    await ended;
    expect(existsSync(file)).toBe(false);
  } finally {
    plant.kill('SIGKILL');
  }
});

it('a machine that the plant has not is told apart from a word that names no machine', async () => {
  expect((await inject('berlin/line-01/m-999')).err).toBe(
    '--machine is "berlin/line-01/m-999"; there is no such machine in the reference plant; name another plant by --plant FILE.\n',
  );
  expect((await inject('m-003')).err).toContain('accepted is SITE/LINE/MACHINE');
});
