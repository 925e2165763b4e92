import type { Connection } from '../core/database.ts';
import { MigrationError, type Engine } from './files.ts';

export type Storage = 'auto' | Engine;

// 2.28 is the oldest release that this schema was run on (the columnstore names, refresh options, the refresh lock).
const oldestTimescale = [2, 28] as const;

/**
 * Which engine this database is built on. The first migration decides: TimescaleDB when the server has it and
 * `storage` allows it, plain PostgreSQL otherwise. Afterwards the recorded engine holds, and a `storage` that says
 * something else is refused, because the tables of one cannot become those of the other.
 */
export async function chooseEngine(
  connection: Connection,
  storage: Storage,
  recorded: Engine | undefined,
): Promise<Engine> {
  if (recorded !== undefined && storage !== 'auto' && storage !== recorded) {
    throw new MigrationError(
      `STORAGE is "${storage}", but this database was set up with "${recorded}"; set STORAGE=${recorded} or use an empty database.`,
    );
  }
  const engine = recorded ?? (await availableEngine(connection, storage));
  if (engine === 'timescale') await requireTimescale(connection);
  return engine;
}

async function availableEngine(connection: Connection, storage: Storage): Promise<Engine> {
  if (storage === 'postgres') return 'postgres';
  const found = await connection.query("select 1 from pg_available_extensions where name = 'timescaledb'");
  if (found.length > 0) return 'timescale';
  if (storage === 'auto') return 'postgres';
  throw new MigrationError(
    'STORAGE is "timescale", but this server has no TimescaleDB; install the extension there or set STORAGE=postgres.',
  );
}

/** Creates the extension where it is missing. Everything is undone when it turns out to be unfit. */
async function requireTimescale(connection: Connection): Promise<void> {
  await connection.query('begin');
  try {
    await createExtension(connection);
    const [state] = await connection.query<{ version: string; license: string | null }>(
      `select extversion as version, current_setting('timescaledb.license', true) as license
         from pg_extension where extname = 'timescaledb'`,
    );
    if (state === undefined)
      throw new MigrationError(
        'TimescaleDB could not be created in this database; set STORAGE=postgres to do without it.',
      );
    refuseUnfit(state.version, state.license);
    await connection.query('commit');
  } catch (error) {
    await connection.query('rollback').catch(() => undefined);
    throw error;
  }
}

/** Throws a MigrationError unless a TimescaleDB of this version and `timescaledb.license` has all that the schema needs. */
export function refuseUnfit(version: string, license: string | null): void {
  if (license !== 'timescale') {
    throw new MigrationError(
      `TimescaleDB is here without its Community features (timescaledb.license is "${license}"); use the Community build with timescaledb.license=timescale, or set STORAGE=postgres.`,
    );
  }
  const [major = 0, minor = 0] = version.split('.').map(Number);
  if (major < oldestTimescale[0] || (major === oldestTimescale[0] && minor < oldestTimescale[1])) {
    throw new MigrationError(
      `TimescaleDB ${version} is too old; update the extension to ${oldestTimescale.join('.')} or newer, or set STORAGE=postgres.`,
    );
  }
}

async function createExtension(connection: Connection): Promise<void> {
  try {
    await connection.query('create extension if not exists timescaledb');
  } catch (cause) {
    // The server ends the connection when the library is not preloaded, so its message is all there is.
    throw new MigrationError(
      `TimescaleDB is installed on this server but cannot be created (${(cause as Error).message}); preload it and grant the right to create it, or set STORAGE=postgres.`,
      { cause },
    );
  }
}
