import { spawn, spawnSync } from 'node:child_process';
import { chownSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { inject } from 'vitest';
import { openDatabase } from '../../../core/database.ts';
import { unprivilegedAccount } from '../../../core/embedded/account.ts';
import { freePort, startEmbeddedPostgres } from '../../../core/embedded/postgres.ts';
import { silentLog } from '../../../core/log.ts';
import { migrateQueues } from '../../../core/queues.ts';
import type { TestDatabase } from '../../../core/testing/database.ts';
import { waitUntil } from '../../../core/testing/wait-until.ts';
import { migrate } from '../../../migrations/run.ts';

export interface KillableDatabase {
  database: TestDatabase;
  /** SIGKILL to the server itself, as a power cut does; its children follow. */
  kill(): Promise<void>;
  /** Starts it on the same files and port, and waits until it has recovered from its log and answers. */
  start(): Promise<void>;
  close(): Promise<void>;
}

interface Server {
  url: string;
  ended: Promise<unknown>;
  stop(): Promise<void>;
}

/** The folder of the programs of the TimescaleDB test server, when they are on this machine. */
async function timescalePrograms(): Promise<string | undefined> {
  const server = inject('testServers').find(({ engine }) => engine === 'timescale');
  if (server === undefined) return undefined;
  const database = openDatabase({ url: server.url, name: 'millrace test', log: silentLog, maxConnections: 1 });
  try {
    const [row] = await database.query<{ setting: string }>("select setting from pg_config where name = 'BINDIR'");
    const folder = row?.setting ?? '';
    return existsSync(join(folder, 'initdb')) ? folder : undefined;
  } finally {
    await database.close();
  }
}

/** A durable server of the given programs with TimescaleDB, without background workers. */
async function startTimescale(programs: string, dataDir: string, port: number): Promise<Server> {
  const account = unprivilegedAccount([dirname(dataDir), programs]);
  const command = (...words: string[]): [string, string[]] => {
    const [program = '', ...rest] = [...account.prefix, ...words];
    return [program, rest];
  };
  const options = { cwd: dataDir, ...(account.prefix.length === 0 && account.identity) };
  if (!existsSync(join(dataDir, 'PG_VERSION'))) {
    mkdirSync(dataDir, { recursive: true, mode: 0o700 });
    if (account.identity !== undefined) chownSync(dataDir, account.identity.uid, account.identity.gid);
    const made = spawnSync(
      ...command(join(programs, 'initdb'), '-D', dataDir, '-U', 'millrace', '--auth=trust', '-E', 'UTF8', '--locale=C'),
      { ...options, encoding: 'utf8' },
    );
    if (made.status !== 0) throw new Error(`Making the TimescaleDB cluster failed: ${made.stderr}`);
  }
  const settings = {
    port,
    listen_addresses: '127.0.0.1',
    unix_socket_directories: '',
    shared_preload_libraries: 'timescaledb',
    'timescaledb.telemetry_level': 'off',
    'timescaledb.max_background_workers': 0,
    max_locks_per_transaction: 256,
    timezone: 'UTC',
  };
  const words = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  const child = spawn(...command(join(programs, 'postgres'), '-D', dataDir, ...words), { ...options, stdio: 'ignore' });
  let alive = true;
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve())).then(() => {
    alive = false;
  });
  const url = `postgres://millrace@127.0.0.1:${port}/postgres`;
  const database = openDatabase({ url, name: 'millrace test', log: silentLog, maxConnections: 1 });
  try {
    await waitUntil(
      'TimescaleDB answers',
      async () => !alive || (await database.query('select 1').catch(() => [])).length === 1,
      { limitMs: 60_000, everyMs: 100 },
    );
    if (!alive) throw new Error('TimescaleDB ended at its start.');
  } catch (error) {
    child.kill('SIGQUIT');
    throw error;
  } finally {
    await database.close();
  }
  return {
    url,
    ended,
    async stop() {
      child.kill('SIGINT');
      await ended;
    },
  };
}

/**
 * A durable, migrated server of the test's own that may be killed: the embedded PostgreSQL, or a TimescaleDB of the test
 * server's own programs. Undefined where those are not on this machine.
 */
export async function startKillableDatabase(engine: TestDatabase['engine']): Promise<KillableDatabase | undefined> {
  const programs = engine === 'timescale' ? await timescalePrograms() : undefined;
  if (engine === 'timescale' && programs === undefined) return undefined;
  const folder = mkdtempSync(join(tmpdir(), 'millrace-killable-'));
  const dataDir = join(folder, 'database');
  const port = await freePort();
  const open = (): Promise<Server> =>
    programs === undefined ? startEmbeddedPostgres({ dataDir, port }) : startTimescale(programs, dataDir, port);
  let server = await open();
  const { url } = server;
  await migrate({ url, storage: engine, log: silentLog });
  await migrateQueues(url);
  const pool = openDatabase({ url, name: 'millrace test', log: silentLog, maxConnections: 4 });
  return {
    database: { ...pool, engine, url, databaseName: 'postgres' },
    async kill() {
      const pid = Number(readFileSync(join(dataDir, 'postmaster.pid'), 'utf8').split('\n', 1)[0]);
      process.kill(pid, 'SIGKILL');
      await server.ended;
    },
    async start() {
      // The children of a killed server need a moment to die, and until then a new one refuses the shared memory.
      server = await waitUntil('the database starts again', open, { limitMs: 60_000, everyMs: 500 });
      // A room that starts on a server that still recovers ends with a sentence; its supervisor would start it again.
      await waitUntil('it answers', async () => (await pool.query('select 1')).length === 1, { limitMs: 60_000 });
    },
    async close() {
      await pool.close();
      await server.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
