import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { DataType } from 'node-opcua';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { now } from '../../../core/clock.ts';
import { silentLog } from '../../../core/log.ts';
import { environmentWith, readSettings } from '../../../core/settings.ts';
import { waitUntil } from '../../../core/testing/wait-until.ts';
import type { Receiver } from '../receiver.ts';
import { collectIntake, registerSignals } from '../testing/collecting-intake.ts';
import { startOpcuaServer } from '../testing/opcua-server.ts';
import { receiveOpcua } from './receive-opcua.ts';

let directory: string;
let closers: (() => Promise<unknown>)[] = [];
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'millrace-opcua-security-'));
});
afterEach(async () => {
  for (const close of closers.reverse()) await close();
  closers = [];
});
afterAll(() => rm(directory, { recursive: true, force: true }));

async function open(settings: Record<string, string>, users?: { userName: string; password: string }) {
  const server = await startOpcuaServer({
    pki: join(directory, 'server'),
    variables: [{ name: 'a', dataType: DataType.Double, value: 1.5 }],
    ...(users === undefined ? {} : { users }),
  });
  closers.push(() => server.close());
  const dataDir = await mkdtemp(join(directory, 'data-'));
  const intake = collectIntake();
  const registry = await registerSignals([{ signal_id: 1, protocol: 'opcua', address: server.addressOf('a') }]);
  const receiver: Receiver = receiveOpcua(
    {
      settings: readSettings({ OPCUA_URLS: server.url, DATA_DIR: dataDir, ...settings }),
      log: silentLog,
      clock: now,
      intake,
      registry,
    },
    { silenceMs: 30_000, retryItemsMs: 1000 },
  );
  closers.push(() => receiver.close());
  const lastError = () => (receiver.states()[0]?.status['last_error'] as string) || undefined;
  return { dataDir, lastError, values: () => intake.readings(server.url).map(({ value }) => value) };
}

/** The command as `npm run opcua:trust -- …` runs it. */
const trust = (dataDir: string, ...words: string[]) =>
  promisify(execFile)(process.execPath, [join(import.meta.dirname, 'trust.ts'), ...words], {
    env: environmentWith({ DATA_DIR: dataDir }),
  });

test('an unknown server is refused with a sentence, listed, and served once the command has trusted it', async () => {
  const { dataDir, lastError, values } = await open({ OPCUA_SECURITY: 'Basic256Sha256' });
  const sentence = await waitUntil('the server is refused', lastError, { limitMs: 30_000 });
  expect(sentence).toMatch(/^The certificate of the server is not trusted .* To trust it: npm run opcua:trust/);
  const { stdout: list } = await trust(dataDir, 'list');
  const thumbprint = /rejected: 1\n {2}([\da-f]{40}) /.exec(list)?.[1] ?? '';
  expect(sentence).toContain(thumbprint);
  await expect(trust(dataDir, '00'.repeat(20))).rejects.toThrow('No rejected certificate has the thumbprint');
  expect((await trust(dataDir, thumbprint)).stdout).toContain(`Trusted ${thumbprint}`);
  await waitUntil('the value is there', () => values().length === 1, { limitMs: 60_000 });
  expect(values()).toEqual([1.5]);
});

test('a login is used; a wrong one is told in words', async () => {
  const users = { userName: 'ingest', password: 'let me in' };
  const good = await open({ OPCUA_USER: 'ingest', OPCUA_PASSWORD: 'let me in' }, users);
  await waitUntil('the value is there', () => good.values().length === 1, { limitMs: 30_000 });
  const wrong = await open({ OPCUA_USER: 'ingest', OPCUA_PASSWORD: 'guess' }, users);
  const sentence = await waitUntil('the login is refused', wrong.lastError, { limitMs: 30_000 });
  expect(sentence).toMatch(/BadUserAccessDenied|BadIdentityTokenRejected/);
  expect(sentence).not.toContain('guess');
  expect(wrong.values()).toEqual([]);
});
