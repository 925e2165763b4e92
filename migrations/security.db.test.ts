import { beforeAll, describe, expect, test } from 'vitest';
import type { Connection } from '../core/database.ts';
import { createTestDatabase, testEngines, type TestDatabase } from '../core/testing/database.ts';
import { rollupLevels } from '../core/testing/expected-rollups.ts';
import { insertSmallPlant, type SmallPlant } from '../core/testing/small-plant.ts';
import type { Engine } from './files.ts';

describe.each(testEngines())('row-level security on %s', (engine: Engine) => {
  let database: TestDatabase;
  let ours: SmallPlant;
  let theirs: SmallPlant;

  beforeAll(async () => {
    database = await createTestDatabase(engine);
    ours = await insertSmallPlant(database, 'ours', 2);
    theirs = await insertSmallPlant(database, 'theirs', 3);
    await database.query(`
      insert into reading (time, signal_id, value, quality) select now(), signal_id, signal_id, 192 from signal;
      insert into latest_value (signal_id, time, value, quality, received_at) select signal_id, now(), 1, 192, now() from signal;
      insert into alarm (organization_id, machine_id, kind, priority, state, raised_at, message)
        select organization_id, machine_id, 'stale', 1, 'unacknowledged', now(), 'x' from machine;
      insert into work_order (organization_id, machine_id, failure_mode, title, priority)
        select organization_id, machine_id, 'bearing', 'x', 1 from machine`);
    await database.query('call refresh_rollups(now(), now())');
  });

  /** As the API does it: a transaction under its role for one organization. */
  function asApi<Result>(
    organizationId: number | undefined,
    work: (connection: Connection) => Promise<Result>,
  ): Promise<Result> {
    return database.withTransaction(async (connection) => {
      await connection.query('set local role millrace_api');
      if (organizationId !== undefined) {
        await connection.query("select set_config('millrace.organization_id', $1, true)", [String(organizationId)]);
      }
      return work(connection);
    });
  }

  test('readings, rollups and newest values are seen through the own signals only', async () => {
    for (const plant of [ours, theirs]) {
      for (const relation of [
        'visible_reading',
        ...rollupLevels.map((level) => `visible_reading_${level}`),
        'latest_value',
      ]) {
        const rows = await asApi(plant.organization_id, (api) =>
          api.query<{ signal_id: number }>(`select signal_id from ${relation} order by 1`),
        );
        expect({ relation, signal_ids: rows.map((row) => row.signal_id) }).toEqual({
          relation,
          signal_ids: plant.signal_ids,
        });
      }
    }
  });

  test('every table that the role may read shows one organization its own rows, and nobody anything', async () => {
    const tables = await database.query<{ name: string }>(`
      select c.relname as name from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attname = 'organization_id'
       where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p', 'v') and has_table_privilege('millrace_api', c.oid, 'select')
       order by 1`);
    expect(tables.length).toBeGreaterThan(20);
    for (const { name } of tables) {
      const found = await asApi(ours.organization_id, (api) =>
        api.query<{ id: number }>(`select distinct organization_id as id from ${name}`),
      );
      expect({ name, foreign: found.filter((row) => row.id !== ours.organization_id) }).toEqual({ name, foreign: [] });
      const unnamed = await asApi(undefined, (api) => api.query(`select 1 from ${name}`));
      expect({ name, unnamed }).toEqual({ name, unnamed: [] });
    }
    const alarms = await asApi(ours.organization_id, (api) => api.query('select machine_id from alarm'));
    expect(alarms).toEqual([{ machine_id: ours.machine_id }]);
  });

  test('what the role may read is under row-level security, except what belongs to no organization', async () => {
    const open = await database.query(`
      select c.relname as name from pg_class c
       where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p', 'm') and not c.relrowsecurity
         and has_any_column_privilege('millrace_api', c.oid, 'select') order by 1`);
    expect(open).toEqual([{ name: 'gateway' }]);
  });

  test('the tables of readings, rollups and the feed are closed to the role', async () => {
    const closed = ['reading', ...rollupLevels.map((level) => `reading_${level}`), 'reading_batch'];
    const parts = await database.query<{ name: string }>(
      engine === 'postgres'
        ? "select inhrelid::regclass::text as name from pg_inherits where inhparent = 'reading'::regclass"
        : "select c::text as name from show_chunks('reading') c",
    );
    expect(parts.length).toBeGreaterThan(0);
    for (const name of [...closed, ...parts.map((part) => part.name)]) {
      await expect(asApi(ours.organization_id, (api) => api.query(`select * from ${name}`))).rejects.toMatchObject({
        code: '42501',
        message: expect.stringContaining('permission denied'),
      });
    }
  });

  test('the role can write for its organization and not for another', async () => {
    const insert = (organizationId: number): Promise<number> =>
      asApi(ours.organization_id, (api) =>
        api.execute("insert into product (organization_id, code, title) values ($1, 'p', 'P')", [organizationId]),
      );
    expect(await insert(ours.organization_id)).toBe(1);
    await expect(insert(theirs.organization_id)).rejects.toMatchObject({ code: '42501' });
    const moved = asApi(ours.organization_id, (api) =>
      api.execute('update product set organization_id = $1', [theirs.organization_id]),
    );
    await expect(moved).rejects.toMatchObject({ code: '42501' });
    const touched = await asApi(ours.organization_id, (api) =>
      api.execute("update alarm set note = 'x' where machine_id = $1", [theirs.machine_id]),
    );
    expect(touched).toBe(0);
  });

  test('a function of the caller sees no row of another organization through the views', async () => {
    await database.query(`
      create table seen (signal_id int); grant insert on seen to millrace_api;
      create function look(signal_id int) returns boolean language plpgsql cost 0.0001
      as $$ begin insert into seen values (signal_id); return true; end $$`);
    await asApi(ours.organization_id, (api) => api.query('select 1 from visible_reading where look(signal_id)'));
    const rows = await database.query<{ signal_id: number }>('select distinct signal_id from seen order by 1');
    expect(rows.map((row) => row.signal_id)).toEqual(ours.signal_ids);
  });
});
