import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { readSettings, requireSetting } from './settings.ts';

describe('settings', () => {
  test('an empty environment gives the documented defaults', () => {
    const settings = readSettings({});
    expect(settings).toMatchObject({
      HTTP_HOST: '127.0.0.1',
      HTTP_PORT: 8080,
      SIMULATE: 'on',
      LOG_LEVEL: 'info',
      STORAGE: 'auto',
    });
    expect(settings.DATA_DIR).toMatch(/\.data$/);
    expect(settings.DATABASE_URL).toBeUndefined();
    expect(settings.JOURNAL_MAX_SIZE).toBe(4e9);
  });

  test.each([
    [{ HTTP_PORT: '99999' }, 'HTTP_PORT is "99999"; accepted is a whole number from 0 to 65535'],
    [{ HTTP_PORT: 'http' }, 'HTTP_PORT is "http"'],
    [{ DATABASE_URL: 'mysql://x/y' }, 'DATABASE_URL is "mysql://x/y"; accepted is a postgres:// URL'],
    [{ OPCUA_URLS: 'opc.tcp://a:1,http://b' }, 'OPCUA_URLS is "opc.tcp://a:1,http://b"; accepted is opc.tcp:// URLs'],
    [
      { OPCUA_SERVERS: '{"opc.tcp://a:1": {"secure": true}}' },
      'OPCUA_SERVERS is "{"opc.tcp://a:1": {"secure": true}}"',
    ],
    [{ OPCUA_SERVERS: 'a:1' }, 'OPCUA_SERVERS is "a:1"; accepted is JSON such as {"opc.tcp://press:4840"'],
    [{ TRUST_PROXY: '10.0.0.1,10.0.0.0/33' }, 'TRUST_PROXY is "10.0.0.1,10.0.0.0/33"; accepted is addresses or ranges'],
    [{ TRUST_PROXY: 'true' }, 'TRUST_PROXY is "true"'],
    [{ SIMULATE: 'maybe' }, 'SIMULATE is "maybe"; accepted is on or off'],
    [{ JOURNAL_MAX_SIZE: '4 apples' }, 'JOURNAL_MAX_SIZE is "4 apples"; accepted is a size such as 500MB or 4GB'],
    [{ ADMIN_EMAIL: 'nobody' }, 'ADMIN_EMAIL is "nobody"; accepted is an e-mail address'],
  ])('%o is refused with its name, its value and what is accepted', (environment, sentence) => {
    expect(() => readSettings(environment as Record<string, string>)).toThrow(sentence);
  });

  test('proxies are addresses and ranges of both kinds', () => {
    expect(readSettings({ TRUST_PROXY: '10.0.0.1, fd00::/8' }).TRUST_PROXY).toEqual(['10.0.0.1', 'fd00::/8']);
  });

  test.each([
    ['RAW_RETENTION_DAYS', '0', 'a whole number of days from 1 to 36500'],
    ['SIMULATE_SPEED', '0', 'a whole number from 1 to 100000: how many times faster than real time'],
    ['FLUSH_ROWS', '0', 'a whole number of readings from 1 to 1000000'],
    ['OPCUA_PUBLISHING_MS', '5', 'a whole number of milliseconds from 10 to 60000 between publications'],
    ['FAR_FUTURE_HOURS', '99999999', 'a whole number of hours from 0 to 87600'],
    ['GATEWAY_ID', '0', 'a whole number from 1 to 32767, different for each gateway'],
  ])('a number out of its range is told the range: %s=%s', (name, value, accepted) => {
    expect(() => readSettings({ [name]: value })).toThrow(`${name} is "${value}"; accepted is ${accepted}.`);
  });

  test('all wrong settings are named at once', () => {
    expect(() => readSettings({ HTTP_PORT: 'x', SIMULATE: 'y' })).toThrow(/HTTP_PORT[\s\S]*SIMULATE/);
  });

  test('a password is never shown, neither its own nor one inside a URL', () => {
    expect(() => readSettings({ ADMIN_PASSWORD: 'secret' })).toThrow('ADMIN_PASSWORD is 6 characters long');
    expect(() => readSettings({ DATABASE_URL: 'mysql://me:secret@host/db' })).toThrow('mysql://me:***@host/db');
    const servers = '{"opc.tcp://a:1": {"user": "me", "password": "secret"}}';
    expect(() => readSettings({ OPCUA_SERVERS: servers })).toThrow('"password": "***"');
  });

  test('a setting can be given by file', () => {
    const file = join(mkdtempSync(join(tmpdir(), 'millrace-')), 'url');
    writeFileSync(file, 'postgres://me:pw@host/db\n');
    expect(readSettings({ DATABASE_URL_FILE: file }).DATABASE_URL).toBe('postgres://me:pw@host/db');
    expect(() => readSettings({ DATABASE_URL_FILE: `${file}.missing` })).toThrow(
      /DATABASE_URL_FILE is ".*" and cannot be read/,
    );
  });

  test('an empty text counts as not set, and a missing required setting is named', () => {
    const settings = readSettings({ REDIS_URL: '', OPCUA_URLS: '' });
    expect(settings.REDIS_URL).toBeUndefined();
    expect(() => requireSetting(settings, 'DATABASE_URL')).toThrow(
      'DATABASE_URL is not set; accepted is a postgres:// URL.',
    );
  });
});
