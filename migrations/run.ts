import { fileURLToPath } from 'node:url';
import { monotonic, pause } from '../core/clock.ts';
import { openDatabase, type Connection } from '../core/database.ts';
import type { Log } from '../core/log.ts';
import { chooseEngine, type Storage } from './engine.ts';
import { MigrationError, readMigrations, type Engine, type Migration } from './files.ts';
import { lineAt, splitStatements } from './statements.ts';

export interface MigrateOptions {
  url: string;
  storage: Storage;
  log: Log;
  /** How long raw readings are kept, in days; unchanged when missing. */
  rawRetentionDays?: number;
  /** Called after each applied file. */
  onApplied?: (migration: Migration, milliseconds: number) => void;
  /** Another folder of migrations, and the last number to apply; for tests of upgrades. */
  folder?: string;
  upTo?: number;
}

export interface MigrateResult {
  engine: Engine;
  applied: Migration[];
  /** The database's version: the number of its newest migration. */
  version: number;
}

/** The folder that this file lies in. */
export const migrationsFolder = fileURLToPath(new URL('.', import.meta.url));

// Any constant does, as long as nothing else in the database uses it: "mill" in ASCII.
const lockKey = 0x6d69_6c6c;

/**
 * Brings a database to the version of this code: checks what is applied, then applies what is missing, in order, each
 * file in its own transaction. Safe to run by any number of processes at once: one works, the others wait and find
 * nothing to do. Throws a MigrationError with one sentence that says what to do.
 */
export async function migrate(options: MigrateOptions): Promise<MigrateResult> {
  const database = openDatabase({ url: options.url, name: 'millrace migrate', log: options.log, maxConnections: 1 });
  try {
    return await database.withConnection(async (connection) => {
      await takeLock(connection, options.log);
      try {
        return await migrateLocked(connection, options);
      } finally {
        await connection.query('select pg_advisory_unlock($1)', [lockKey]).catch(() => undefined);
      }
    });
  } finally {
    await database.close();
  }
}

/**
 * Tries until the lock is free. Waiting inside `pg_advisory_lock` would hold a snapshot, and a statement of the working
 * runner that waits for old snapshots (create index concurrently) would wait for this one: a deadlock.
 */
async function takeLock(connection: Connection, log: Log): Promise<void> {
  for (let attempt = 0; ; attempt++) {
    const [row] = await connection.query<{ taken: boolean }>('select pg_try_advisory_lock($1) as taken', [lockKey]);
    if (row?.taken === true) return;
    if (attempt === 20) log.info('another process is migrating this database; waiting for it');
    await pause(100);
  }
}

async function migrateLocked(connection: Connection, options: MigrateOptions): Promise<MigrateResult> {
  const folder = options.folder ?? migrationsFolder;
  const done = await readApplied(connection);
  const engine = await chooseEngine(connection, options.storage, done[0]?.engine);
  const known = readMigrations(folder, engine);
  checkApplied(done, known);
  const newest = done.at(-1)?.number ?? 0;
  const pending = known.filter(
    (migration) => migration.number > newest && migration.number <= (options.upTo ?? Infinity),
  );
  if (done.length === 0) await createBooks(connection);
  for (const migration of pending) {
    const startedAt = monotonic();
    await apply(connection, engine, migration);
    options.onApplied?.(migration, monotonic() - startedAt);
  }
  const version = pending.at(-1)?.number ?? newest;
  if (options.rawRetentionDays !== undefined && version >= 3) {
    await connection.query('call set_raw_retention($1)', [options.rawRetentionDays]);
  }
  return { engine, applied: pending, version };
}

interface Applied {
  number: number;
  name: string;
  checksum: string;
  engine: Engine;
}

async function readApplied(connection: Connection): Promise<Applied[]> {
  const [books] = await connection.query("select 1 where to_regclass('public.schema_migration') is not null");
  if (books === undefined) return [];
  return connection.query<Applied>(
    'select number, name, checksum, engine from public.schema_migration order by number',
  );
}

function createBooks(connection: Connection): Promise<unknown> {
  return connection.query(`
    create table if not exists public.schema_migration (
      number     int primary key,
      name       text not null,
      checksum   text not null,
      engine     text not null check (engine in ('postgres', 'timescale')),
      applied_at timestamptz not null default now()
    )`);
}

function checkApplied(done: readonly Applied[], known: readonly Migration[]): void {
  const byNumber = new Map(known.map((migration) => [migration.number, migration]));
  for (const applied of done) {
    const file = byNumber.get(applied.number);
    const label = `${String(applied.number).padStart(6, '0')}_${applied.name}`;
    if (file === undefined) {
      throw new MigrationError(
        `The database is newer than this Millrace (it has migration ${label}); start the Millrace that migrated it, or restore an older back-up.`,
      );
    }
    if (file.checksum !== applied.checksum) {
      throw new MigrationError(
        `migrations/${file.path} was changed after this database applied it; restore the file and put the change into a new migration.`,
      );
    }
  }
  const newest = done.at(-1)?.number ?? 0;
  const applied = new Set(done.map((row) => row.number));
  const skipped = known.find((migration) => migration.number < newest && !applied.has(migration.number));
  if (skipped !== undefined) {
    throw new MigrationError(
      `migrations/${skipped.path} was never applied, but the database is already at ${String(newest).padStart(6, '0')}; give the file a higher number.`,
    );
  }
}

async function apply(connection: Connection, engine: Engine, migration: Migration): Promise<void> {
  const record = async (): Promise<void> => {
    await connection.query(
      'insert into public.schema_migration (number, name, checksum, engine) values ($1, $2, $3, $4)',
      [migration.number, migration.name, migration.checksum, engine],
    );
  };
  if (!migration.inTransaction) {
    for (const statement of splitStatements(migration.sql)) {
      await connection
        .query(statement.text)
        .catch((error: unknown) => fail(migration, error, statement.text, statement.line));
    }
    await record();
    return;
  }
  await connection.query('begin');
  try {
    await connection.query(migration.sql).catch((error: unknown) => fail(migration, error, migration.sql, 1));
    await record();
    await connection.query('commit');
  } catch (error) {
    await connection.query('rollback').catch(() => undefined);
    throw error;
  }
}

/** Turns a database error into a sentence with the file and, where the server says it, the line. */
function fail(migration: Migration, cause: unknown, sql: string, firstLine: number): never {
  const { message, position } = cause as { message: string; position?: string };
  const line = position === undefined ? firstLine : firstLine + lineAt(sql, Number(position) - 1) - 1;
  throw new MigrationError(`migrations/${migration.path}, line ${line}: ${message}.`, { cause });
}
