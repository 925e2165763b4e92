import { randomBytes } from 'node:crypto';
import { afterAll, inject, type RunnerTask } from 'vitest';
import type { Engine } from '../../migrations/files.ts';
import { now } from '../clock.ts';
import { openDatabase, quoteName, type Database } from '../database.ts';
import { silentLog } from '../log.ts';
import { databaseUrl, keptPrefix, testDatabaseName, type TestServer } from './database-server.ts';

/** A database of its own for a test file, migrated and without rows, and a pool open on it. */
export interface TestDatabase extends Database {
  engine: Engine;
  url: string;
  databaseName: string;
}

export interface TestDatabaseOptions {
  /** Without any migration, for tests of the migrations themselves. */
  empty?: boolean;
}

/** The engines that this run has a server for: always postgres; timescale when TIMESCALE_TEST_URL is set. */
export function testEngines(): Engine[] {
  return inject('testServers').map((server) => server.engine);
}

const opened: { server: TestServer; database: TestDatabase }[] = [];

/**
 * Clones the migrated template (some 100 ms). After the file's last test and its own hooks the pool is closed and the
 * database dropped; if a test of the file failed, it is kept and its name printed. Without an engine: postgres.
 */
export async function createTestDatabase(
  engine: Engine = 'postgres',
  options: TestDatabaseOptions = {},
): Promise<TestDatabase> {
  const { server, database } = await clone(engine, options);
  opened.push({ server, database });
  return database;
}

/** A database for `work` alone: dropped afterwards, kept and named when `work` throws. */
export async function withDatabase<Result>(
  work: (database: TestDatabase) => Promise<Result>,
  engine: Engine = 'postgres',
  options: TestDatabaseOptions = {},
): Promise<Result> {
  const { server, database } = await clone(engine, options);
  let failed = true;
  try {
    const result = await work(database);
    failed = false;
    return result;
  } finally {
    await finish(server, database, failed);
  }
}

// Registered when a test file imports this module, so before the file's own hooks, and therefore run after them.
// oxlint-disable-next-line no-empty-pattern -- vitest reads this pattern to see which fixtures are wanted: none.
afterAll(async ({}, suite) => {
  const failed = hasFailed(suite);
  for (const { server, database } of opened.splice(0)) await finish(server, database, failed);
});

async function clone(
  engine: Engine,
  options: TestDatabaseOptions,
): Promise<{ server: TestServer; database: TestDatabase }> {
  const server = inject('testServers').find((candidate) => candidate.engine === engine);
  if (server === undefined) throw new Error(`This run has no ${engine} server; for timescale set TIMESCALE_TEST_URL.`);
  const databaseName = testDatabaseName(now(), randomBytes(4).toString('hex'));
  const template = options.empty === true ? 'template0' : server.template;
  // Without fsync, copying the files takes a third of the time that writing them through the WAL takes.
  await onServer(
    server,
    `create database ${quoteName(databaseName)} template ${quoteName(template)} strategy file_copy`,
  );
  const url = databaseUrl(server.url, databaseName);
  const pool = openDatabase({ url, name: 'millrace test', log: silentLog, maxConnections: 10 });
  return { server, database: { ...pool, engine, url, databaseName } };
}

async function finish(server: TestServer, database: TestDatabase, failed: boolean): Promise<void> {
  const { databaseName } = database;
  await database.close();
  if (!failed) {
    await onServer(server, `drop database if exists ${quoteName(databaseName)} with (force)`);
    return;
  }
  const kept = `${keptPrefix}${databaseName}`;
  const url = databaseUrl(server.url, kept);
  await onServer(
    server,
    `select pg_terminate_backend(pid) from pg_stat_activity where datname = '${databaseName}'`,
    `alter database ${quoteName(databaseName)} rename to ${quoteName(kept)}`,
  ).then(
    () => process.stdout.write(`A test failed; its database is kept: ${url}\n`),
    (error: Error) =>
      process.stdout.write(
        `A test failed; its database ${databaseName} is kept under its own name (${error.message}).\n`,
      ),
  );
}

function hasFailed(task: RunnerTask): boolean {
  return task.result?.state === 'fail' || ('tasks' in task && task.tasks.some(hasFailed));
}

async function onServer(server: TestServer, ...statements: string[]): Promise<void> {
  const admin = openDatabase({ url: server.url, name: 'millrace test admin', log: silentLog, maxConnections: 1 });
  try {
    for (const statement of statements) await admin.query(statement);
  } finally {
    await admin.close();
  }
}
