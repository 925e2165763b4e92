import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { describeDatabaseFailure } from './database-failure.ts';
import { openDatabase } from './database.ts';
import { silentLog } from './log.ts';
import { environmentWith } from './settings.ts';
import { createTestDatabase, type TestDatabase } from './testing/database.ts';

const root = join(import.meta.dirname, '..');
const nowhere = 'postgres://a:b@127.0.0.1:1/none';
const folder = mkdtempSync(join(tmpdir(), 'millrace-failure-'));
const csv = join(folder, 'rows.csv');
let empty: TestDatabase;
beforeAll(async () => {
  writeFileSync(csv, 'ts,a\n2026-01-01 00:00:00,1\n');
  empty = await createTestDatabase('postgres', { empty: true });
});
afterAll(() => rmSync(folder, { recursive: true }));

async function failureOf(url: string): Promise<unknown> {
  const database = openDatabase({ url, name: 'millrace test', log: silentLog });
  try {
    return await database.query('select * from machine').catch((error: unknown) => error);
  } finally {
    await database.close();
  }
}

describe('a failure of', () => {
  test('a database that is not there, not migrated or not reached is one sentence', async () => {
    const missing = empty.url.replace(/\/[^/]*$/, '/no_such');
    expect(describeDatabaseFailure(await failureOf(missing))).toBe(
      'The server of DATABASE_URL has no such database (database "no_such" does not exist); check its name or create it.',
    );
    expect(describeDatabaseFailure(await failureOf(empty.url))).toBe(
      'The database of DATABASE_URL is not migrated (relation "machine" does not exist); run npm run migrate.',
    );
    expect(describeDatabaseFailure(await failureOf(nowhere))).toBe(
      'The database of DATABASE_URL cannot be reached (connect ECONNREFUSED 127.0.0.1:1); check DATABASE_URL and that the server runs.',
    );
  });

  test('several addresses tells each of them', () => {
    const refused = ['::1', '127.0.0.1'].map((host) =>
      Object.assign(new Error(`connect ECONNREFUSED ${host}:1`), { code: 'ECONNREFUSED' }),
    );
    expect(describeDatabaseFailure(new AggregateError(refused))).toContain(
      '(connect ECONNREFUSED ::1:1, connect ECONNREFUSED 127.0.0.1:1)',
    );
  });

  test('the login is told apart, and what is not about DATABASE_URL is left alone', () => {
    const withCode = (code: string): Error => Object.assign(new Error('so it is'), { code });
    expect(describeDatabaseFailure(withCode('28P01'))).toContain('refused the login (so it is)');
    for (const code of ['40P01', '53100', '57014', '23505', 'ENOENT'])
      expect(describeDatabaseFailure(withCode(code)), code).toBeUndefined();
  });
});

const commands: [string, ...string[]][] = [
  ['api/main.ts'],
  ['ingest/main.ts'],
  ['analytics/main.ts'],
  ['core/plant/main.ts', 'reference'],
  ['core/doctor/main.ts'],
  ['analytics/rollups/main.ts'],
  ['ingest/backfill/main.ts', csv],
  ['simulators/replay/main.ts', csv, '--topic-prefix', 'millrace/lab/l1/rig', '--register'],
];

describe('one sentence and exit code 1 instead of a start:', () => {
  function run(command: string[], url: string): Promise<{ code: number | null; errors: string }> {
    const child = spawn(process.execPath, command, {
      cwd: root,
      env: environmentWith({ DATABASE_URL: url, MQTT_URL: 'mqtt://127.0.0.1:1', DATA_DIR: folder, HTTP_PORT: '0' }),
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    let errors = '';
    child.stderr.on('data', (chunk) => (errors += String(chunk)));
    return new Promise((resolve) => child.on('close', (code) => resolve({ code, errors })));
  }

  test.each(commands)('%s on a database that is not migrated', async (...command) => {
    const { code, errors } = await run(command, empty.url);
    expect(errors).toMatch(/^The database of DATABASE_URL is not migrated \(.*\n$/);
    expect(code).toBe(1);
  });

  test('migrations/main.ts without a server', async () => {
    const { code, errors } = await run(['migrations/main.ts'], nowhere);
    expect(errors).toMatch(/^The database of DATABASE_URL cannot be reached \(.*\n$/);
    expect(code).toBe(1);
  });
});
