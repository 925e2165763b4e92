import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { silentLog } from '../core/log.ts';
import { migrateQueues } from '../core/queues.ts';
import { databaseUrl } from '../core/testing/database-server.ts';
import { testEngines, withDatabase, type TestDatabase } from '../core/testing/database.ts';
import { readMigrations, type Engine } from './files.ts';
import { migrate, migrationsFolder, type MigrateOptions, type MigrateResult } from './run.ts';

const folders: string[] = [];
afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

/** A copy of the real migrations that a test may change. */
function copyMigrations(): string {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-migrations-'));
  folders.push(folder);
  cpSync(migrationsFolder, folder, { recursive: true, filter: (path) => !/\.(ts|md|txt)$/.test(basename(path)) });
  return folder;
}

function run(database: TestDatabase, options: Partial<MigrateOptions> = {}): Promise<MigrateResult> {
  return migrate({ url: database.url, storage: database.engine, log: silentLog, ...options });
}

const newestNumber = readMigrations(migrationsFolder, 'postgres').at(-1)?.number ?? 0;

describe.each(testEngines())('on %s', (engine: Engine) => {
  const empty = { empty: true };

  test('an empty database gets everything once; a second run finds nothing to do', () =>
    withDatabase(
      async (database) => {
        const first = await run(database);
        expect(first).toMatchObject({ engine, version: newestNumber });
        expect(first.applied.map((migration) => migration.number)).toEqual(
          readMigrations(migrationsFolder, engine).map((m) => m.number),
        );
        expect(await run(database, { storage: 'auto' })).toEqual({ engine, version: newestNumber, applied: [] });
        const recorded = await database.query('select distinct engine from schema_migration');
        expect(recorded).toEqual([{ engine }]);
      },
      engine,
      empty,
    ));

  test('of 20 runners at once exactly one applies each file', () =>
    withDatabase(
      async (database) => {
        const results = await Promise.all(Array.from({ length: 20 }, () => run(database)));
        expect(results.map((result) => result.applied.length).sort((a, b) => b - a)).toEqual([
          newestNumber,
          ...Array(19).fill(0),
        ]);
        expect(new Set(results.map((result) => result.version))).toEqual(new Set([newestNumber]));
      },
      engine,
      empty,
    ));

  test("20 starts at once bring BullMQ's tables up", () =>
    withDatabase(
      async (database) => {
        await Promise.all(Array.from({ length: 20 }, () => migrateQueues(database.url)));
        const [row] = await database.query<{ versions: number }>('select count(*) as versions from bullmq.migration');
        expect(row?.versions).toBeGreaterThan(0);
      },
      engine,
      empty,
    ));

  test.each(
    readMigrations(migrationsFolder, engine)
      .map((m) => m.number)
      .filter((number) => number >= 2),
  )('a database at version %i with rows in it goes on to the newest, rows and all', (version) =>
    withDatabase(
      async (database) => {
        await run(database, { upTo: version });
        await insertPlant(database);
        if (version >= 3) await insertReadings(database);
        const result = await run(database);
        expect(result.applied.length).toBe(
          readMigrations(migrationsFolder, engine).filter((m) => m.number > version).length,
        );
        expect(await database.query('select name from signal')).toEqual([{ name: 'temperature' }]);
        if (version < 3) await insertReadings(database);
        expect(await database.query('select value from reading order by time')).toEqual([
          { value: 1.5 },
          { value: null },
        ]);
      },
      engine,
      empty,
    ),
  );

  test('a file that was changed after it was applied is refused', () =>
    withDatabase(async (database) => {
      const folder = copyMigrations();
      writeFileSync(
        join(folder, '000002_plant.sql'),
        `${readFileSync(join(folder, '000002_plant.sql'), 'utf8')}-- one more word\n`,
      );
      await expect(run(database, { folder })).rejects.toThrow(
        'migrations/000002_plant.sql was changed after this database applied it; restore the file and put the change into a new migration.',
      );
    }, engine));

  test('a database that is newer than the code is refused', () =>
    withDatabase(async (database) => {
      await database.query("insert into schema_migration values (999001, 'from_the_future', 'x', $1)", [engine]);
      await expect(run(database)).rejects.toThrow(
        'The database is newer than this Millrace (it has migration 999001_from_the_future); start the Millrace that migrated it, or restore an older back-up.',
      );
    }, engine));

  test('a new file below the version of the database is refused', () =>
    withDatabase(async (database) => {
      await database.query('delete from schema_migration where number = 2');
      await expect(run(database)).rejects.toThrow(
        'migrations/000002_plant.sql was never applied, but the database is already at',
      );
    }, engine));

  test('a failing file leaves the database at the version before it, and is named with its line', () =>
    withDatabase(async (database) => {
      const folder = copyMigrations();
      writeFileSync(join(folder, '900000_good.sql'), 'create table good (a int);');
      writeFileSync(join(folder, '900001_bad.sql'), 'create table half (a int);\n\nselect no_such_column from good;');
      await expect(run(database, { folder })).rejects.toThrow(
        'migrations/900001_bad.sql, line 3: column "no_such_column" does not exist.',
      );
      expect(
        await database.query("select to_regclass('half') as half, to_regclass('good') is not null as good"),
      ).toEqual([{ half: null, good: true }]);
      writeFileSync(join(folder, '900001_bad.sql'), 'create table half (a int);');
      expect((await run(database, { folder })).version).toBe(900001);
    }, engine));

  test('statements that cannot share a transaction run one by one', () =>
    withDatabase(async (database) => {
      const folder = copyMigrations();
      const sql =
        '--! no-transaction\ncreate index concurrently by_title on site (title);\ncreate index concurrently by_zone on site (time_zone);\n';
      writeFileSync(join(folder, '900000_indexes.sql'), sql);
      // The waiting runners must not hold up the one that waits for old snapshots.
      await Promise.all(Array.from({ length: 5 }, () => run(database, { folder })));
      const indexes = await database.query(
        "select indexrelid::regclass::text as name from pg_index where indisvalid and indexrelid::regclass::text like 'by_%' order by 1",
      );
      expect(indexes).toEqual([{ name: 'by_title' }, { name: 'by_zone' }]);
      writeFileSync(join(folder, '900001_more.sql'), '--! no-transaction\nselect 1;\n\nselect 2 from nowhere;');
      await expect(run(database, { folder })).rejects.toThrow(
        'migrations/900001_more.sql, line 4: relation "nowhere" does not exist.',
      );
    }, engine));

  test('the engine is chosen once', () =>
    withDatabase(async (database) => {
      const other = engine === 'postgres' ? 'timescale' : 'postgres';
      await expect(run(database, { storage: other })).rejects.toThrow(
        `STORAGE is "${other}", but this database was set up with "${engine}"; set STORAGE=${engine} or use an empty database.`,
      );
    }, engine));

  test('the days for which raw readings are kept come from the settings', () =>
    withDatabase(async (database) => {
      await run(database, { rawRetentionDays: 7 });
      await run(database);
      expect(await database.query('select raw_days from reading_retention')).toEqual([{ raw_days: 7 }]);
    }, engine));
});

const withTimescale = testEngines().includes('timescale');
const reason = withTimescale ? '' : ' (skipped: TIMESCALE_TEST_URL is not set)';
test.skipIf(!withTimescale)(`every suite that names an engine ran on TimescaleDB too${reason}`, () => {
  expect(testEngines()).toEqual(['postgres', 'timescale']);
});

test('STORAGE=timescale on a server without TimescaleDB is refused; auto takes PostgreSQL', () =>
  withDatabase(
    async (database) => {
      await expect(run(database, { storage: 'timescale' })).rejects.toThrow(
        'STORAGE is "timescale", but this server has no TimescaleDB; install the extension there or set STORAGE=postgres.',
      );
      expect((await run(database, { storage: 'auto' })).engine).toBe('postgres');
    },
    'postgres',
    { empty: true },
  ));

test('a server that is not there is an error that names it', async () => {
  const url = databaseUrl('postgres://nobody:secret@127.0.0.1:1/', 'nowhere');
  await expect(migrate({ url, storage: 'auto', log: silentLog })).rejects.toThrow('ECONNREFUSED 127.0.0.1:1');
});

async function insertPlant(database: TestDatabase): Promise<void> {
  await database.query(`
    with o as (insert into organization (name) values ('o') returning organization_id),
    s as (insert into site (organization_id, name, title, time_zone) select organization_id, 's', 'S', 'UTC' from o returning *),
    l as (insert into line (organization_id, site_id, name, title) select organization_id, site_id, 'l', 'L' from s returning *),
    m as (insert into machine (organization_id, line_id, name, title) select organization_id, line_id, 'm', 'M' from l returning *)
    insert into signal (organization_id, machine_id, name, kind, quantity)
    select organization_id, machine_id, 'temperature', 'measurement', 'temperature' from m`);
}

async function insertReadings(database: TestDatabase): Promise<void> {
  await database.query('call ensure_reading_partitions(now(), now())');
  await database.query(
    "insert into reading (time, signal_id, value, quality) values (now(), 1, 1.5, 192), (now() + interval '1 s', 1, null, 0)",
  );
}
