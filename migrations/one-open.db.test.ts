import { describe, expect, test } from 'vitest';
import { createTestDatabase, testEngines, type TestDatabase } from '../core/testing/database.ts';
import { insertSmallPlant } from '../core/testing/small-plant.ts';
import type { Engine } from './files.ts';

/** Things of which only one may be open at a time: how to open one, and how to close it so that the next may open. */
const openings: { what: string; open: string; close: string }[] = [
  {
    what: 'machine state',
    open: `insert into machine_state (organization_id, machine_id, started_at, state) values ($1, $2, now() + random() * interval '1 s', 'running')`,
    close: `update machine_state set ended_at = started_at + interval '1 day' where machine_id = $1`,
  },
  {
    what: 'alarm of a machine',
    open: `insert into alarm (organization_id, machine_id, kind, priority, state, raised_at, message)
           values ($1, $2, 'stale', 1, 'unacknowledged', now() + random() * interval '1 s', 'x')`,
    close: 'update alarm set returned_at = now() where machine_id = $1',
  },
  {
    what: 'anomaly of a sensor',
    open: `insert into anomaly (organization_id, machine_id, signal_id, started_at, peak_score, detector)
           select $1::int, $2::int, min(signal_id), now() + random() * interval '1 s', 1, 'x' from signal`,
    close: 'update anomaly set ended_at = now() where machine_id = $1',
  },
  {
    what: 'fault of a machine and failure mode',
    open: `insert into fault (organization_id, machine_id, failure_mode, started_at, confidence, severity) values ($1, $2, 'bearing', now(), 1, 1)`,
    close: 'update fault set ended_at = now() where machine_id = $1',
  },
  {
    what: 'work order of a machine and failure mode',
    open: `insert into work_order (organization_id, machine_id, failure_mode, title, priority) values ($1, $2, 'bearing', 'x', 1)`,
    close: "update work_order set state = 'closed' where machine_id = $1",
  },
];

describe.each(testEngines())('on %s', (engine: Engine) => {
  test.each(openings)(
    'of 20 who open the same $what at once one succeeds, and the next after it is closed',
    async ({ open, close }) => {
      const database = await createTestDatabase(engine);
      const plant = await insertSmallPlant(database, 'one', 1);
      const tryToOpen = async (): Promise<{ opened: number; refused: number }> => {
        const results = await Promise.allSettled(
          Array.from({ length: 20 }, () => attempt(database, open, [plant.organization_id, plant.machine_id])),
        );
        const refused = results.filter(
          (result) => result.status === 'rejected' && (result.reason as { code?: string }).code === '23505',
        );
        return { opened: results.filter((result) => result.status === 'fulfilled').length, refused: refused.length };
      };
      expect(await tryToOpen()).toEqual({ opened: 1, refused: 19 });
      expect(await database.execute(close, [plant.machine_id])).toBe(1);
      expect(await tryToOpen()).toEqual({ opened: 1, refused: 19 });
    },
  );

  test('a line has one constraint machine', async () => {
    const database = await createTestDatabase(engine);
    const plant = await insertSmallPlant(database, 'one', 1);
    const insert = (name: string): Promise<number> =>
      attempt(
        database,
        "insert into machine (organization_id, line_id, name, title, is_constraint) values ($1, $2, $3, 'x', true)",
        [plant.organization_id, plant.line_id, name],
      );
    const results = await Promise.allSettled(Array.from({ length: 20 }, (_, index) => insert(`c-${index}`)));
    expect(results.filter((result) => result.status === 'fulfilled')).toHaveLength(1);
  });
});

/** In a transaction that stays open for a moment, so that the others really meet it. */
function attempt(database: TestDatabase, sql: string, parameters: unknown[]): Promise<number> {
  return database.withTransaction(async (connection) => {
    const rows = await connection.execute(sql, parameters);
    await connection.query('select pg_sleep(0.01)');
    return rows;
  });
}
