import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** What the tables of this database are built on; chosen once per database. */
export type Engine = 'postgres' | 'timescale';

export const engines: readonly Engine[] = ['postgres', 'timescale'];

export interface Migration {
  number: number;
  /** File name without number and ending, such as `reading`. */
  name: string;
  /** Path below the migrations folder, for sentences. */
  path: string;
  sql: string;
  /** SHA-256 of the file, in hex. */
  checksum: string;
  /** False with the header `--! no-transaction`: each statement is then run and committed by itself. */
  inTransaction: boolean;
}

/** A reason not to migrate, in one sentence that says what to do. */
export class MigrationError extends Error {
  override name = 'MigrationError';
}

/**
 * The migrations of one engine in order: the common files of `folder` and those of `folder/<engine>`, one sequence of
 * numbers. A number is either common or present for every engine, so that both engines always have the same version.
 */
export function readMigrations(folder: string, engine: Engine): Migration[] {
  const common = listFiles(folder, '');
  const byEngine = engines.map((name) => ({ engine: name, files: listFiles(join(folder, name), `${name}/`) }));
  for (const { files } of byEngine) {
    for (const [number, file] of files) {
      const twin = common.get(number);
      if (twin !== undefined) {
        throw new MigrationError(
          `migrations/${twin} and migrations/${file} have the same number; give one of them another.`,
        );
      }
      const missing = byEngine.find((other) => !other.files.has(number));
      if (missing !== undefined) {
        throw new MigrationError(
          `migrations/${file} has no counterpart in migrations/${missing.engine}/; add it, empty if need be.`,
        );
      }
    }
  }
  const own = byEngine.find((other) => other.engine === engine)?.files ?? new Map<number, string>();
  return [...common, ...own].sort(([a], [b]) => a - b).map(([number, path]) => readMigration(folder, number, path));
}

function listFiles(folder: string, prefix: string): Map<number, string> {
  const files = new Map<number, string>();
  if (!existsSync(folder)) return files;
  for (const file of readdirSync(folder)
    .filter((name) => name.endsWith('.sql'))
    .sort()) {
    const number = Number(/^(\d{6})_[a-z0-9_]+\.sql$/.exec(file)?.[1]);
    if (!(number > 0)) {
      throw new MigrationError(`migrations/${prefix}${file} is not named like 000001_what_it_is_about.sql; rename it.`);
    }
    const twin = files.get(number);
    if (twin !== undefined) {
      throw new MigrationError(
        `migrations/${twin} and migrations/${prefix}${file} have the same number; give one of them another.`,
      );
    }
    files.set(number, `${prefix}${file}`);
  }
  return files;
}

function readMigration(folder: string, number: number, path: string): Migration {
  const sql = readFileSync(join(folder, path), 'utf8');
  return {
    number,
    name: path.replace(/^.*\d{6}_/, '').replace(/\.sql$/, ''),
    path,
    sql,
    checksum: createHash('sha256').update(sql).digest('hex'),
    inTransaction: !/^--! no-transaction$/m.test(sql),
  };
}
