import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { now } from '../../core/clock.ts';
import { openDatabase, quoteName, type Database } from '../../core/database.ts';
import { startEmbeddedPostgres } from '../../core/embedded/postgres.ts';
import { silentLog } from '../../core/log.ts';
import { importPlant } from '../../core/plant/import-plant.ts';
import type { Plant } from '../../core/plant/plant-document.ts';
import { runProgram } from './bench-process.ts';
import { familyUsage, parentOf, type Usage } from './process-usage.ts';

export type BenchEngine = 'embedded' | 'timescale';

/** A database that was made for one run of the bench. */
export interface BenchDatabase {
  engine: BenchEngine;
  url: string;
  database: Database;
  /** Engine and version, for the result. */
  version: string;
  /** CPU of the whole server so far, where it runs on this machine. */
  usage(): Usage;
  /** The same, CPU seconds, before this database was made on it; 0 for a server of its own. */
  cpu_seconds_before: number;
  /** Position in the WAL, in bytes. */
  walBytes(): Promise<number>;
  /** Empties the readings and what hangs on them. */
  clear(): Promise<void>;
  close(): Promise<void>;
}

/**
 * Makes an empty, migrated database on the engine: an embedded server of its own (fsync on, the settings of `npm start`), or
 * a new database on the server of BENCH_TIMESCALE_URL. Throws when the server gives up durability: such numbers compare
 * with nothing.
 */
export async function openBenchDatabase(options: {
  engine: BenchEngine;
  timescaleUrl: string | undefined;
  runDir: string;
  plant?: Plant;
}): Promise<BenchDatabase> {
  const { engine } = options;
  const server =
    engine === 'embedded' ? await startEmbedded(options.runDir) : await createOnServer(options.timescaleUrl);
  await runProgram('migrations/main.ts', [], {
    DATABASE_URL: server.url,
    STORAGE: engine === 'timescale' ? 'timescale' : 'postgres',
  });
  const database = openDatabase({ url: server.url, name: 'millrace bench', log: silentLog, maxConnections: 8 });
  const [facts] = await database.query<{
    version: string;
    timescale: string | null;
    fsync: string;
    commit: string;
    pages: string;
    backend: number;
  }>(
    `select current_setting('server_version') as version, (select extversion from pg_extension where extname = 'timescaledb') as timescale,
            current_setting('fsync') as fsync, current_setting('synchronous_commit') as commit, current_setting('full_page_writes') as pages,
            pg_backend_pid() as backend`,
  );
  if (facts?.fsync !== 'on' || facts.commit !== 'on' || facts.pages !== 'on') {
    await database.close();
    await server.close();
    throw new Error(
      'The database server runs without durability (fsync, synchronous_commit or full_page_writes is off); measure on one that keeps what it says.',
    );
  }
  if (options.plant !== undefined) await importPlant(database, options.plant);
  const postmaster = parentOf(facts.backend);
  return {
    engine,
    url: server.url,
    database,
    version:
      facts.timescale === null
        ? `PostgreSQL ${facts.version} (embedded)`
        : `TimescaleDB ${facts.timescale} on PostgreSQL ${facts.version}`,
    cpu_seconds_before: server.cpuSecondsBefore,
    usage: () =>
      postmaster === undefined || postmaster <= 1 ? { cpu_seconds: 0, rss_bytes: 0 } : familyUsage(postmaster),
    async walBytes() {
      const [row] = await database.query<{ bytes: number }>(
        `select pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::float8 as bytes`,
      );
      return row?.bytes ?? 0;
    },
    async clear() {
      await database.query('truncate reading, reading_batch, latest_value, ledger, late_range, rejected_reading');
      await database.query('checkpoint');
    },
    async close() {
      await database.close();
      await server.close();
    },
  };
}

interface Server {
  url: string;
  cpuSecondsBefore: number;
  close: () => Promise<void>;
}

async function startEmbedded(runDir: string): Promise<Server> {
  const folder = join(runDir, `postgres-${now()}`);
  const server = await startEmbeddedPostgres({ dataDir: folder });
  return {
    url: server.url,
    cpuSecondsBefore: 0,
    async close() {
      await server.stop();
      rmSync(folder, { recursive: true, force: true });
      rmSync(`${folder}.password`, { force: true });
    },
  };
}

async function createOnServer(url: string | undefined): Promise<Server> {
  if (url === undefined)
    throw new Error(
      '--engine timescale needs a server: set BENCH_TIMESCALE_URL to a postgres:// URL with the right to create databases.',
    );
  const name = `millrace_bench_${now()}`;
  const onServer = async (statement: string): Promise<number> => {
    const admin = openDatabase({ url, name: 'millrace bench', log: silentLog, maxConnections: 1 });
    try {
      const [row] = await admin.query<{ backend: number }>('select pg_backend_pid() as backend');
      const postmaster = parentOf(row?.backend ?? 0);
      const before = postmaster === undefined || postmaster <= 1 ? 0 : familyUsage(postmaster).cpu_seconds;
      await admin.query(statement);
      return before;
    } finally {
      await admin.close();
    }
  };
  const cpuSecondsBefore = await onServer(`create database ${quoteName(name)}`);
  const own = new URL(url);
  own.pathname = `/${name}`;
  return {
    url: own.toString(),
    cpuSecondsBefore,
    async close() {
      await onServer(`drop database if exists ${quoteName(name)} with (force)`);
    },
  };
}
