import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openDatabase } from '../../../core/database.ts';
import { startEmbeddedPostgres } from '../../../core/embedded/postgres.ts';
import { silentLog } from '../../../core/log.ts';
import { migrateQueues } from '../../../core/queues.ts';
import type { TestDatabase } from '../../../core/testing/database.ts';
import { waitUntil } from '../../../core/testing/wait-until.ts';
import { migrate } from '../../../migrations/run.ts';

export interface KillablePostgres {
  database: TestDatabase;
  /** SIGKILL to the server itself, as a power cut does; its children follow. */
  kill(): Promise<void>;
  /** Starts it on the same files and port: it recovers from its log. */
  start(): Promise<void>;
  close(): Promise<void>;
}

/** A durable embedded PostgreSQL of the test's own, migrated, that may be killed. */
export async function startKillablePostgres(): Promise<KillablePostgres> {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-killable-'));
  const dataDir = join(folder, 'postgres');
  let server = await startEmbeddedPostgres({ dataDir });
  const { url, port } = server;
  await migrate({ url, storage: 'postgres', log: silentLog });
  await migrateQueues(url);
  const pool = openDatabase({ url, name: 'millrace test', log: silentLog, maxConnections: 4 });
  return {
    database: { ...pool, engine: 'postgres', url, databaseName: 'postgres' },
    async kill() {
      const pid = Number(readFileSync(join(dataDir, 'postmaster.pid'), 'utf8').split('\n', 1)[0]);
      process.kill(pid, 'SIGKILL');
      await server.ended;
    },
    async start() {
      // The children of a killed server need a moment to die, and until then a new one refuses the shared memory.
      server = await waitUntil('the database starts again', () => startEmbeddedPostgres({ dataDir, port }), {
        limitMs: 60_000,
        everyMs: 500,
      });
    },
    async close() {
      await pool.close();
      await server.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
