import { expect, test } from 'vitest';
import { openDatabase, type Database } from './database.ts';
import { silentLog } from './log.ts';
import { createTestDatabase } from './testing/database.ts';
import { waitUntil } from './testing/wait-until.ts';

const database = await createTestDatabase();

async function withPool<Result>(
  options: { onConnect?: string; maxConnections?: number },
  work: (pool: Database) => Promise<Result>,
): Promise<Result> {
  const pool = openDatabase({ url: database.url, name: 'one', log: silentLog, maxConnections: 1, ...options });
  try {
    return await work(pool);
  } finally {
    await pool.close();
  }
}

const backend = 'select pg_backend_pid() as pid';

test('numbers and times arrive without losing anything, also inside arrays', async () => {
  const [row] = await database.query(
    `select 9007199254740991::int8 as big, 0.1::numeric as exact, '2026-03-29 01:00:00.123456+00'::timestamptz as at,
            array[1, null, 3]::int8[] as bigs, array['2026-03-29 01:00:00.000001+00'::timestamptz] as ats, interval '90 s' as span`,
  );
  expect(row).toEqual({
    big: 9007199254740991,
    exact: 0.1,
    at: '2026-03-29 01:00:00.123456+00',
    bigs: [1, null, 3],
    ats: ['2026-03-29 01:00:00.000001+00'],
    span: 'PT1M30S',
  });
});

test('a transaction that throws leaves nothing behind, and its connection is used again', async () => {
  await withPool({}, async (pool) => {
    await pool.query('create table kept (number int primary key)');
    const [before] = await pool.query(backend);
    const failing = pool.withTransaction(async (connection) => {
      await connection.query('insert into kept values (1)');
      await connection.query('insert into kept values (1)');
    });
    await expect(failing).rejects.toMatchObject({ code: '23505' });
    expect(await pool.query('select * from kept')).toEqual([]);
    expect(await pool.query(backend)).toEqual([before]);
  });
});

test('a connection on which work threw is closed, and with it goes what the session held', async () => {
  await withPool({}, async (pool) => {
    const [before] = await pool.query(backend);
    const failing = pool.withConnection(async (connection) => {
      await connection.query('select pg_advisory_lock(42)');
      await connection.query('select 1/0');
    });
    await expect(failing).rejects.toMatchObject({ code: '22012' });
    const held = "select 1 from pg_locks where locktype = 'advisory' and objid = 42";
    await waitUntil('the lock is gone', async () => (await database.query(held)).length === 0);
    expect(await pool.query(backend)).not.toEqual([before]);
  });
});

test('no connection is handed out on which onConnect failed', async () => {
  await withPool({ onConnect: 'set role nobody_knows' }, (pool) =>
    expect(pool.query('select 1')).rejects.toMatchObject({ code: '22023' }),
  );
  const rows = await withPool({ onConnect: 'set role millrace_api' }, (pool) =>
    pool.query('select current_user as who'),
  );
  expect(rows).toEqual([{ who: 'millrace_api' }]);
});

test('copyIn answers the rows copied; a refused row and a failing source undo the whole copy', async () => {
  await withPool({}, async (pool) => {
    await pool.query('create table copied (number int primary key)');
    const copy = (chunks: Iterable<Buffer>): Promise<number> =>
      pool.withTransaction((connection) => connection.copyIn('copy copied from stdin', chunks));
    expect(await copy([Buffer.from('1\n2\n'), Buffer.from('3\n')])).toBe(3);
    await expect(copy([Buffer.from('4\n4\n')])).rejects.toMatchObject({ code: '23505' });
    function* failing(): Generator<Buffer> {
      yield Buffer.from('5\n');
      throw new Error('the source broke');
    }
    await expect(copy(failing())).rejects.toThrow('the source broke');
    expect(await copy(Array.from({ length: 200 }, (_, index) => Buffer.from(`${index + 10}\n`)))).toBe(200);
    expect(await pool.query('select count(*) as rows from copied')).toEqual([{ rows: 203 }]);
  });
});

test('listen rings for every notification, once at its start and once after the connection was lost', async () => {
  const heard: string[] = [];
  const stop = new AbortController();
  const listening = database.listen('doorbell', (payload) => heard.push(payload), stop.signal);
  await waitUntil('it listens', () => heard.length === 1);
  await database.query("select pg_notify('doorbell', 'a')");
  await waitUntil('it heard', () => heard.includes('a'));
  await database.query(
    "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'millrace test listen'",
  );
  await waitUntil('it listens again', () => heard.length === 3);
  await database.query("select pg_notify('doorbell', 'b')");
  await waitUntil('it heard again', () => heard.includes('b'));
  expect(heard).toEqual(['', 'a', '', 'b']);
  stop.abort();
  await listening;
});

test('a server that cannot be reached is an error with a code', async () => {
  const nowhere = openDatabase({ url: 'postgres://a:b@127.0.0.1:1/x', name: 'nowhere', log: silentLog });
  await expect(nowhere.query('select 1')).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  await nowhere.close();
});
