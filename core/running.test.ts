import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { settingsOfRunning, tellRunning } from './running.ts';
import { readSettings, type Settings } from './settings.ts';

const addresses = {
  DATABASE_URL: 'postgres://millrace:secret@127.0.0.1:5555/millrace',
  MQTT_URL: 'mqtt://127.0.0.1:1999',
  OPCUA_URLS: ['opc.tcp://127.0.0.1:4999'],
  REDIS_URL: 'redis://127.0.0.1:6666',
  http_address: 'http://127.0.0.1:8080',
};
let dataDir: string;
let supervisor: ChildProcess;

beforeEach(async () => {
  dataDir = mkdtempSync(join(tmpdir(), 'millrace-running-'));
  mkdirSync(join(dataDir, 'supervisor'));
  const program = join(dataDir, 'supervisor/main.cjs');
  writeFileSync(program, 'setInterval(() => undefined, 1000);');
  supervisor = spawn(process.execPath, [program], { stdio: 'ignore' });
  await once(supervisor, 'spawn');
});
afterEach(() => {
  supervisor.kill('SIGKILL');
  rmSync(dataDir, { recursive: true, force: true });
});

const settingsWith = (environment: Record<string, string> = {}): Settings =>
  readSettings({ DATA_DIR: dataDir, ...environment });

test('a command takes the addresses of the Millrace that runs on its data folder, until that stops', () => {
  expect(settingsOfRunning(settingsWith()).DATABASE_URL).toBeUndefined();
  const remove = tellRunning(dataDir, { supervisor_pid: supervisor.pid ?? 0, ...addresses });
  expect(statSync(join(dataDir, 'running.json')).mode & 0o777).toBe(0o600);
  const { DATABASE_URL, MQTT_URL, OPCUA_URLS, REDIS_URL } = settingsOfRunning(settingsWith());
  expect({ DATABASE_URL, MQTT_URL, OPCUA_URLS, REDIS_URL, http_address: addresses.http_address }).toEqual(addresses);
  remove();
  expect(existsSync(join(dataDir, 'running.json'))).toBe(false);
  expect(settingsOfRunning(settingsWith()).MQTT_URL).toBeUndefined();
});

test('what is set stays, and the queues of another database are not taken', () => {
  tellRunning(dataDir, { supervisor_pid: supervisor.pid ?? 0, ...addresses });
  const settings = settingsOfRunning(settingsWith({ DATABASE_URL: 'postgres://elsewhere/plant' }));
  expect(settings.DATABASE_URL).toBe('postgres://elsewhere/plant');
  expect(settings.REDIS_URL).toBeUndefined();
  expect(settings.MQTT_URL).toBe(addresses.MQTT_URL);
});

test('what a killed supervisor left behind, or what is no such file, counts for nothing', async () => {
  tellRunning(dataDir, { supervisor_pid: supervisor.pid ?? 0, ...addresses });
  supervisor.kill('SIGKILL');
  await once(supervisor, 'exit');
  expect(settingsOfRunning(settingsWith()).DATABASE_URL).toBeUndefined();
  writeFileSync(join(dataDir, 'running.json'), '{"supervisor_pid": 1');
  expect(settingsOfRunning(settingsWith()).DATABASE_URL).toBeUndefined();
});
