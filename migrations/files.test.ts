import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { readMigrations } from './files.ts';
import { migrationsFolder } from './run.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'millrace-migrations-'));
  mkdirSync(join(folder, 'postgres'));
  mkdirSync(join(folder, 'timescale'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function write(...paths: string[]): void {
  for (const path of paths) writeFileSync(join(folder, path), `select '${path}'`);
}

test('common files and those of the engine are one sequence by number', () => {
  write('000001_a.sql', 'postgres/000002_b.sql', 'timescale/000002_b.sql', '000010_c.sql');
  expect(readMigrations(folder, 'timescale').map(({ number, name, path }) => [number, name, path])).toEqual([
    [1, 'a', '000001_a.sql'],
    [2, 'b', 'timescale/000002_b.sql'],
    [10, 'c', '000010_c.sql'],
  ]);
});

test('a number that one engine lacks, that is taken twice, or a name without a number is refused', () => {
  write('postgres/000002_b.sql');
  expect(() => readMigrations(folder, 'postgres')).toThrow(
    'migrations/postgres/000002_b.sql has no counterpart in migrations/timescale/',
  );
  write('timescale/000002_b.sql', '000002_c.sql');
  expect(() => readMigrations(folder, 'postgres')).toThrow(
    'migrations/000002_c.sql and migrations/postgres/000002_b.sql have the same number',
  );
  rmSync(join(folder, '000002_c.sql'));
  write('timescale/000002_d.sql');
  expect(() => readMigrations(folder, 'postgres')).toThrow('have the same number');
  rmSync(join(folder, 'timescale/000002_d.sql'));
  write('3_short.sql');
  expect(() => readMigrations(folder, 'postgres')).toThrow(
    'migrations/3_short.sql is not named like 000001_what_it_is_about.sql',
  );
});

test('the header of a file takes it out of the transaction', () => {
  writeFileSync(join(folder, '000001_a.sql'), '--! no-transaction\nselect 1');
  writeFileSync(join(folder, '000002_b.sql'), '-- no-transaction is only a word here\nselect 1');
  expect(readMigrations(folder, 'postgres').map((migration) => migration.inTransaction)).toEqual([false, true]);
});

test('the real migrations of both engines have the same numbers and names', () => {
  const names = (engine: 'postgres' | 'timescale'): string[] =>
    readMigrations(migrationsFolder, engine).map((m) => `${m.number} ${m.name}`);
  expect(names('timescale')).toEqual(names('postgres'));
  expect(names('postgres').length).toBeGreaterThanOrEqual(6);
});
