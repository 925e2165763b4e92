import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openDatabase, quoteName } from '../core/database.ts';
import { startEmbeddedPostgres } from '../core/embedded/postgres.ts';
import { silentLog } from '../core/log.ts';
import { databaseUrl, timescaleTestUrl } from '../core/testing/database-server.ts';
import type { Engine } from './files.ts';
import { migrate, migrationsFolder } from './run.ts';
import { describeSchema } from './schema.ts';

// `npm run schema:dump`: writes schema.postgres.txt from a fresh embedded database, and schema.timescale.txt from the
// server of TIMESCALE_TEST_URL when that is set. The files are compared by schema.db.test.ts, so that a change of the
// schema is seen in a review.

/** Migrates a fresh database on the server of `url`, writes its description and drops it. */
async function writeSnapshot(engine: Engine, url: string): Promise<void> {
  const name = `millrace_schema_${process.pid}`;
  const admin = openDatabase({ url, name: 'millrace schema', log: silentLog, maxConnections: 1 });
  try {
    await admin.query(`create database ${quoteName(name)}`);
    await migrate({ url: databaseUrl(url, name), storage: engine, log: silentLog });
    const database = openDatabase({ url: databaseUrl(url, name), name: 'millrace schema', log: silentLog });
    const file = join(migrationsFolder, `schema.${engine}.txt`);
    try {
      writeFileSync(file, await describeSchema(database, engine));
    } finally {
      await database.close();
    }
    process.stdout.write(`wrote ${file}\n`);
  } finally {
    await admin.query(`drop database if exists ${quoteName(name)} with (force)`);
    await admin.close();
  }
}

const folder = mkdtempSync(join(tmpdir(), 'millrace-schema-'));
const server = await startEmbeddedPostgres({ dataDir: join(folder, 'postgres'), fast: true });
try {
  await writeSnapshot('postgres', server.url);
  const timescaleUrl = timescaleTestUrl();
  if (timescaleUrl !== undefined) await writeSnapshot('timescale', timescaleUrl);
} finally {
  await server.stop();
  rmSync(folder, { recursive: true, force: true });
}
