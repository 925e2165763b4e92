import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { engines, readMigrations, type Engine } from '../../migrations/files.ts';
import { migrate, migrationsFolder } from '../../migrations/run.ts';
import { now } from '../clock.ts';
import { openDatabase, quoteName, type Connection } from '../database.ts';
import { startEmbeddedPostgres } from '../embedded/postgres.ts';
import { silentLog } from '../log.ts';
import { migrateQueues } from '../queues.ts';

/** A server that test databases are made on, and the migrated database there that they are cloned from. */
export interface TestServer {
  engine: Engine;
  /** URL of the server's own database `postgres`. */
  url: string;
  template: string;
}

declare module 'vitest' {
  interface ProvidedContext {
    testServers: TestServer[];
  }
}

/** Begins the name of a database that a failed test left for looking at. */
export const keptPrefix = 'kept_';

const testPrefix = 'millrace_test_';
const leftOverAfterMs = 6 * 3600_000;
const keptForMs = 3 * 86_400_000;

/** The name of a test database: when it was made, so that what a killed run left can be told from what is in use. */
export function testDatabaseName(nowMs: number, unique: string): string {
  return `${testPrefix}${Math.floor(nowMs / 1000)}_${unique}`;
}

/**
 * Vitest's global setup of every project that needs a database: starts one embedded PostgreSQL, without durability,
 * and makes a migrated template database on it; the same on the TimescaleDB server of TIMESCALE_TEST_URL when that is
 * set. Stops the server afterwards; keeps its files when a failed test left a database.
 */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-test-'));
  const server = await startEmbeddedPostgres({ dataDir: join(folder, 'postgres'), fast: true });
  const servers = [await prepareTemplate('postgres', server.url)];
  const timescaleUrl = timescaleTestUrl();
  if (timescaleUrl !== undefined) servers.push(await prepareTemplate('timescale', timescaleUrl));
  project.provide('testServers', servers);
  return async () => {
    const kept = await keptDatabases(server.url);
    await server.stop();
    if (kept.length === 0) {
      rmSync(folder, { recursive: true, force: true });
    } else {
      process.stdout.write(`Kept for looking at in ${folder}/postgres (user millrace): ${kept.join(', ')}\n`);
    }
  };
}

/** Makes the template under a name that holds a hash of all migrations, so that a lasting server needs it only once. */
async function prepareTemplate(engine: Engine, url: string): Promise<TestServer> {
  const hash = createHash('sha256');
  for (const name of engines) for (const { checksum } of readMigrations(migrationsFolder, name)) hash.update(checksum);
  const template = `millrace_template_${hash.digest('hex').slice(0, 12)}`;
  const database = openDatabase({ url, name: 'millrace test setup', log: silentLog, maxConnections: 1 });
  try {
    await database.withConnection(async (connection) => {
      // Two test runs on one server: the second waits for the first's template.
      await connection.query("select pg_advisory_lock(hashtext('millrace template'))");
      await dropLeftOvers(connection);
      const [ready] = await connection.query('select 1 from pg_database where datname = $1 and datistemplate', [
        template,
      ]);
      if (ready !== undefined) return;
      await connection.query(`drop database if exists ${quoteName(template)} with (force)`);
      await connection.query(`create database ${quoteName(template)}`);
      await migrate({ url: databaseUrl(url, template), storage: engine, log: silentLog });
      await migrateQueues(databaseUrl(url, template));
      // Background workers of the server would connect to it, and a database in use cannot be cloned.
      await connection.query(`alter database ${quoteName(template)} with is_template true allow_connections false`);
    });
  } finally {
    await database.close();
  }
  return { engine, url, template };
}

/** Drops the databases that killed runs left on a lasting server, and those of failed tests that nobody looks at any more. */
async function dropLeftOvers(connection: Connection): Promise<void> {
  for (const [prefix, limitMs] of [
    [testPrefix, leftOverAfterMs],
    [keptPrefix + testPrefix, keptForMs],
  ] as const) {
    const rows = await connection.query<{ datname: string }>(
      'select datname from pg_database where starts_with(datname, $1)',
      [prefix],
    );
    for (const { datname } of rows) {
      const madeAtMs = Number(datname.slice(prefix.length).split('_', 1)[0]) * 1000;
      if (now() - madeAtMs > limitMs)
        await connection.query(`drop database if exists ${quoteName(datname)} with (force)`);
    }
  }
}

async function keptDatabases(url: string): Promise<string[]> {
  const database = openDatabase({ url, name: 'millrace test setup', log: silentLog, maxConnections: 1 });
  try {
    const rows = await database.query<{ datname: string }>(
      'select datname from pg_database where starts_with(datname, $1)',
      [keptPrefix],
    );
    return rows.map((row) => row.datname);
  } finally {
    await database.close();
  }
}

/** A TimescaleDB server for tests. The product does not know this setting, so it is not in core/settings.ts. */
export function timescaleTestUrl(): string | undefined {
  const url = process.env['TIMESCALE_TEST_URL'];
  return url === '' ? undefined : url;
}

/** `url` with another database name. */
export function databaseUrl(url: string, name: string): string {
  const changed = new URL(url);
  changed.pathname = `/${name}`;
  return changed.toString();
}
