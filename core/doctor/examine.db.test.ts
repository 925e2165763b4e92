import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, test } from 'vitest';
import { now } from '../clock.ts';
import { openDatabase, quoteName } from '../database.ts';
import { silentLog } from '../log.ts';
import { createTestDatabase, testEngines, type TestDatabase } from '../testing/database.ts';
import { examine } from './examine.ts';
import type { Finding } from './finding.ts';

const dataDir = mkdtempSync(join(tmpdir(), 'millrace-doctor-'));
afterAll(() => rmSync(dataDir, { recursive: true, force: true }));

describe.each(testEngines())('doctor on %s', (engine) => {
  let database: TestDatabase;
  beforeEach(async () => {
    database = await createTestDatabase(engine);
  });

  /** Everything found, except about the server: the test servers run without durability on purpose. */
  async function findings(redisUrl?: string): Promise<Finding[]> {
    const { subjects } = await database.withConnection((connection) =>
      examine({ connection, clock: now, databaseUrl: database.url, redisUrl, dataDir, minFreeBytes: 1 }),
    );
    const ofServer = ['engine and versions', 'settings of the server', 'disk, transactions, replication'];
    return subjects.filter(({ name }) => !ofServer.includes(name)).flatMap((subject) => subject.findings);
  }

  const plant = `with o as (insert into organization (name) values ('millrace') returning organization_id)
     insert into source (organization_id, protocol, name) select organization_id, 'mqtt', 'millrace/berlin/line-01' from o`;

  test('a fresh database is healthy, and the examination changes nothing', async () => {
    expect(await findings()).toEqual([]);
    await database.withConnection(async (connection) => {
      await connection.query('begin read only');
      await examine({
        connection,
        clock: now,
        databaseUrl: database.url,
        redisUrl: undefined,
        dataDir,
        minFreeBytes: 1,
      });
      await connection.query('rollback');
    });
  });

  test('a setting by which readings can be lost is found, with its command', async () => {
    await database.query(`alter database ${quoteName(database.databaseName)} set synchronous_commit = off`);
    const pool = openDatabase({ url: database.url, name: 'millrace doctor', log: silentLog });
    const { subjects } = await pool.withConnection((connection) =>
      examine({ connection, clock: now, databaseUrl: database.url, redisUrl: undefined, dataDir, minFreeBytes: 1 }),
    );
    await pool.close();
    const found = subjects.flatMap((subject) => subject.findings).find(({ what }) => what === 'synchronous_commit');
    expect(found).toMatchObject({
      level: 'danger',
      value: 'off',
      recommended: 'on',
      command: expect.stringContaining('alter system set synchronous_commit'),
    });
  });

  test('indexes: missing and extra ones', async () => {
    await database.query('create index reading_by_value on reading (value)');
    await database.query('drop index reading_by_time');
    await database.query('drop index reading_key');
    expect(await findings()).toMatchObject([
      { what: 'index reading_key', value: 'missing', level: 'danger' },
      { what: 'index reading_by_time', value: 'missing', level: 'advice' },
      { what: 'index reading_by_value on reading', command: 'drop index reading_by_value;' },
    ]);
  });

  if (engine === 'timescale')
    test('policies: missing, switched off, and a second refresher', async () => {
      await database.query("call remove_columnstore_policy('reading')");
      await database.query(
        `select alter_job(job_id, scheduled => false) from timescaledb_information.jobs where proc_name = 'drop_expired_readings_job'`,
      );
      expect(await findings()).toMatchObject([
        { what: 'columnstore policy of reading', value: 'missing', level: 'danger' },
        { what: 'retention job', level: 'danger', value: expect.stringContaining('switched off') },
      ]);
      await database.query(
        `select add_continuous_aggregate_policy('reading_1m', interval '1 day', interval '1 minute', interval '1 minute')`,
      );
      const { subjects } = await database.withConnection((connection) =>
        examine({ connection, clock: now, databaseUrl: database.url, redisUrl: undefined, dataDir, minFreeBytes: 1 }),
      );
      expect(subjects[0]?.findings).toEqual(
        expect.arrayContaining([expect.objectContaining({ what: 'refresh policy of reading_1m', level: 'danger' })]),
      );
    });

  if (engine === 'timescale')
    test('chunks that should be compressed, and a chunk interval too long for the rate', async () => {
      await database.query(
        `insert into reading (time, signal_id, value, quality) values (now() - interval '5 days', 1, 1, 192)`,
      );
      await database.query("select set_chunk_time_interval('reading', interval '400 days')");
      await database.query(plant);
      await database.query(
        `insert into ledger (organization_id, source_id, minute, received, stored)
       select organization_id, source_id, date_trunc('minute', now()), 64110000, 64110000 from source`,
      );
      const found = await findings();
      expect(found).toEqual(
        expect.arrayContaining([
          expect.objectContaining({
            what: 'chunk interval of reading',
            value: '400.0 days',
            command: expect.stringContaining('set_chunk_time_interval'),
          }),
          expect.objectContaining({
            what: 'chunks that should be in the columnstore',
            value: expect.stringMatching(/^1, the oldest/),
          }),
        ]),
      );
    });

  if (engine === 'postgres')
    test('partitions of the coming days', async () => {
      const days = await database.query<{ name: string }>(
        `select inhrelid::regclass::text as name from pg_inherits where inhparent = 'reading'::regclass order by 1 desc limit 7`,
      );
      for (const { name } of days) await database.query(`drop table ${name}`);
      expect(await findings()).toMatchObject([{ what: 'partitions of the coming days', value: '0' }]);
    });

  test('what should have been dropped, rollups that lag, late data that waits, an old feed, a silent gateway, wrong books', async () => {
    await database.query(plant);
    await database.query("call ensure_reading_partitions(now() - interval '200 days', now() - interval '200 days')");
    await database.query(
      `insert into reading (time, signal_id, value, quality) values (now() - interval '200 days', 1, 1, 192)`,
    );
    await database.query(
      `with s as (insert into site (organization_id, name, title, time_zone) select organization_id, 'a', 'A', 'UTC' from organization returning *),
            l as (insert into line (organization_id, site_id, name, title) select organization_id, site_id, 'a', 'A' from s returning *),
            m as (insert into machine (organization_id, line_id, name, title) select organization_id, line_id, 'a', 'A' from l returning *),
            g as (insert into signal (organization_id, machine_id, name, kind, quantity) select organization_id, machine_id, 'a', 'measurement', 'a' from m returning *)
       insert into latest_value (signal_id, time, value, quality, received_at) select signal_id, now(), 1, 192, now() from g`,
    );
    await database.query(
      `insert into late_range (from_time, to_time, noted_at) values (now(), now(), now() - interval '1 hour')`,
    );
    await database.query(
      `insert into gateway (gateway_id, last_sequence, reported_at, journal_readings) values (1, 1, now() - interval '10 minutes', 5)`,
    );
    await database.query(
      `insert into reading_batch (gateway_id, sequence, stored_at, readings, payload) values (1, 1, now() - interval '5 hours', 0, '')`,
    );
    await database.query(
      `insert into ledger (organization_id, source_id, minute, received, stored) select organization_id, source_id, now() - interval '3 hours', 10, 9 from source`,
    );
    const found = await findings();
    expect(found.map(({ what }) => what).filter((what) => !what.startsWith('chunks that'))).toEqual([
      'oldest reading',
      'rollups',
      'late data that waits for its rollups',
      'feed (reading_batch)',
      'gateway 1',
      'books of mqtt millrace/berlin/line-01',
    ]);
    expect(found.find(({ what }) => what === 'gateway 1')).toMatchObject({
      level: 'danger',
      value: 'silent for 10 min, with 5 readings in its journal',
    });
  });

  test('queues: tables that are missing, and a Redis that does not answer', async () => {
    await database.query('drop schema bullmq cascade');
    expect(await findings()).toMatchObject([{ what: 'tables of the queues', command: 'npm run migrate' }]);
    expect(await findings('redis://127.0.0.1:1')).toMatchObject([{ what: 'REDIS_URL', level: 'danger' }]);
  });
});
