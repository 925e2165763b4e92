import { execFile } from 'node:child_process';
import { copyFile, mkdir, mkdtemp, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { DataType, OPCUACertificateManager } from 'node-opcua';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { now } from '../../../core/clock.ts';
import { environmentWith } from '../../../core/settings.ts';
import { waitUntil } from '../../../core/testing/wait-until.ts';
import type { TestOpcuaServerOptions } from '../testing/opcua-server.ts';
import { type OpcuaStage, openOpcuaStage, opcuaSignal } from '../testing/opcua-stage.ts';
import { listCertificates, trustCertificate } from './certificates.ts';

let stage: OpcuaStage;
beforeAll(async () => {
  stage = await openOpcuaStage();
});
afterEach(() => stage.closeAll());
afterAll(() => stage.remove());

type SettingsOf = (url: string) => Record<string, string>;

async function open(settings: Record<string, string> | SettingsOf, server: Partial<TestOpcuaServerOptions> = {}) {
  const variables = [{ name: 'a', dataType: DataType.Double, value: 1.5 }];
  const served = await stage.serve({ variables, ...server });
  const { url, addressOf } = served;
  const more = typeof settings === 'function' ? settings(url) : settings;
  const received = await stage.receive([url], [opcuaSignal(1, addressOf('a'))], { settings: more });
  const { status, intake, dataDir } = received;
  const lastError = () => (status(url)['last_error'] as string) || undefined;
  return { url, served, dataDir, lastError, status, values: () => intake.readings(url).map(({ value }) => value) };
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

const policies = ['Basic256Sha256', 'Aes128_Sha256_RsaOaep', 'Aes256_Sha256_RsaPss'];
const modes = ['Sign', 'SignAndEncrypt'];

test.each(policies.flatMap((policy) => modes.map((mode) => [policy, mode] as const)))(
  '%s with %s: refused while unknown, served when trusted, and really spoken',
  async (policy, mode) => {
    const opened = await open({ OPCUA_SECURITY: policy, OPCUA_SECURITY_MODE: mode });
    await waitUntil('the server is refused', opened.lastError, { limitMs: 30_000 });
    expect(opened.values()).toEqual([]);
    const [unknown] = listCertificates(opened.dataDir, 'rejected');
    expect(opened.lastError()).toContain(unknown?.thumbprint ?? 'no certificate was kept');
    trustCertificate(opened.dataDir, unknown?.thumbprint ?? '');
    await waitUntil('the value is there', () => opened.values().length === 1, { limitMs: 60_000 });
    expect(opened.served.securityOfSessions()).toEqual([`${policy}, ${mode}`]);
    expect(opened.status(opened.url)).toMatchObject({ security: `${policy}, ${mode}`, last_error: '' });
  },
);

test('a login is used; a wrong one is told in words', async () => {
  const users = { userName: 'ingest', password: 'let me in' };
  const good = await open({ OPCUA_USER: 'ingest', OPCUA_PASSWORD: 'let me in' }, { users });
  await waitUntil('the value is there', () => good.values().length === 1, { limitMs: 30_000 });
  const wrong = await open({ OPCUA_USER: 'ingest', OPCUA_PASSWORD: 'guess' }, { users });
  const sentence = await waitUntil('the login is refused', wrong.lastError, { limitMs: 30_000 });
  expect(sentence).toMatch(/BadUserAccessDenied|BadIdentityTokenRejected/);
  expect(sentence).not.toContain('guess');
  expect(wrong.values()).toEqual([]);
});

test('a login for one server stands in OPCUA_SERVERS, its password in a file', async () => {
  const passwordFile = join(stage.directory, 'password.txt');
  const own = { user: 'press', password_file: passwordFile, security: 'Basic256Sha256', security_mode: 'Sign' };
  const opened = await open(
    (url) => ({ OPCUA_SERVERS: JSON.stringify({ [url]: own }), OPCUA_USER: 'others', OPCUA_PASSWORD: 'other' }),
    { users: { userName: 'press', password: 'of the press' } },
  );
  const missing = await waitUntil('the missing file is named', opened.lastError, { limitMs: 30_000 });
  expect(missing).toBe(
    `The file "${passwordFile}" with a password cannot be read: ENOENT: no such file or directory, open '${passwordFile}'.`,
  );
  await writeFile(passwordFile, 'of the press\n');
  const [unknown] = await waitUntil(
    'the certificate is refused',
    () => {
      const found = listCertificates(opened.dataDir, 'rejected');
      return found.length > 0 && found;
    },
    { limitMs: 30_000 },
  );
  trustCertificate(opened.dataDir, unknown?.thumbprint ?? '');
  await waitUntil('the value is there', () => opened.values().length === 1, { limitMs: 60_000 });
  expect(opened.served.securityOfSessions()).toEqual(['Basic256Sha256, Sign']);
});

/** A user's certificate and key, as files. */
async function createUser(name: string): Promise<{ certificate: string; key: string }> {
  const manager = new OPCUACertificateManager({ rootFolder: join(stage.directory, name), disableFileWatchers: true });
  await manager.initialize();
  const certificate = join(stage.directory, name, 'user.pem');
  await manager.createSelfSignedCertificate({
    outputFile: certificate,
    subject: `/CN=${name}`,
    applicationUri: `urn:millrace:${name}`,
    dns: [],
    startDate: new Date(now() - 86_400_000),
    validity: 365,
  });
  await manager.dispose();
  return { certificate, key: manager.privateKey };
}

test('a certificate is a login: the trusted one is let in, another is refused', { timeout: 120_000 }, async () => {
  const [known, stranger] = [await createUser('known'), await createUser('stranger')];
  const userPki = await mkdtemp(join(stage.directory, 'users-'));
  await mkdir(join(userPki, 'trusted', 'certs'), { recursive: true });
  await copyFile(known.certificate, join(userPki, 'trusted', 'certs', 'known.pem'));
  const login = ({ certificate, key }: { certificate: string; key: string }) => ({
    OPCUA_USER_CERTIFICATE: certificate,
    OPCUA_USER_KEY: key,
  });
  const good = await open(login(known), { userPki });
  await waitUntil('the value is there', () => good.values().length === 1, { limitMs: 30_000 });
  const other = await open(login(stranger), { userPki });
  expect(await waitUntil('the login is refused', other.lastError, { limitMs: 30_000 })).toMatch(/BadIdentityToken/);
  expect(other.values()).toEqual([]);

  const wrong = await open(login({ certificate: known.certificate, key: stranger.key }), { userPki });
  expect(await waitUntil('the foreign key is named', wrong.lastError)).toBe(
    `The private key "${stranger.key}" does not belong to the user certificate "${known.certificate}".`,
  );
  const swapped = await open(login({ certificate: known.key, key: known.key }), { userPki });
  expect(await waitUntil('the wrong file is named', swapped.lastError)).toMatch(
    `The file "${known.key}" is not a certificate (PEM or DER): `,
  );
  const missing = join(stage.directory, 'nowhere.pem');
  const absent = await open(login({ certificate: known.certificate, key: missing }), { userPki });
  expect(await waitUntil('the missing file is named', absent.lastError)).toBe(
    `The file "${missing}" with a private key without a passphrase (PEM) cannot be read: ENOENT: no such file or directory, open '${missing}'.`,
  );
  const alone = await open({ OPCUA_USER_CERTIFICATE: known.certificate }, { userPki });
  expect(await waitUntil('the lack of a key is named', alone.lastError)).toMatch('set OPCUA_USER_KEY');
});
