import { beforeAll, describe, expect, test } from 'vitest';
import type { Connection } from '../core/database.ts';
import { testEngines } from '../core/testing/database.ts';
import { withOrganization } from './organization.ts';
import { listReadings } from './queries/readings.ts';
import { readSeries } from './queries/series.ts';
import { listSignals } from './queries/signals.ts';
import { createStage, type Stage } from './testing/stage.ts';

/** Passes everything on and keeps the plan of each statement that reads `relation`. */
function watchPlans(connection: Connection, relation: string, plans: string[]): Connection {
  return {
    ...connection,
    async query<Row>(sql: string, parameters?: readonly unknown[]) {
      if (sql.includes(relation)) {
        const lines = await connection.query<{ 'QUERY PLAN': string }>(
          `explain (analyze, costs off, timing off) ${sql}`,
          parameters,
        );
        plans.push(lines.map((line) => line['QUERY PLAN']).join('\n'));
      }
      return connection.query<Row>(sql, parameters);
    },
  };
}

/** How many rows the scans of a plan read and threw away. */
function rowsThrownAway(plan: string): number {
  return [...plan.matchAll(/Rows Removed by (?:Filter|Index Recheck): (\d+)/g)].reduce(
    (sum, [, rows]) => sum + Number(rows),
    0,
  );
}

describe.each(testEngines())('the plans of hot questions on %s', (engine) => {
  let stage: Stage;
  const endMs = Date.parse('2026-11-20T12:00:00Z');

  beforeAll(async () => {
    stage = await createStage(engine);
    const { database, plant } = stage;
    await database.query(
      "call ensure_reading_partitions('2026-11-19T12:00:00Z'::timestamptz, '2026-11-20T12:00:00Z'::timestamptz)",
    );
    await database.execute(
      `insert into signal (organization_id, machine_id, name, kind, quantity)
       select $1, $2, 'extra-' || n, 'measurement', 'extra' from generate_series(1, 60) n`,
      [plant.organization_id, plant.machine_ids[1]],
    );
    // A day of all signals at one reading in 20 s: 280,000 rows.
    await database.execute(
      `insert into reading (time, value, signal_id, quality)
       select t, 1, s.signal_id, 192 from generate_series('2026-11-19T12:00:00Z'::timestamptz, '2026-11-20T11:59:59Z', '20 s') t cross join signal s`,
    );
    await database.execute(
      `insert into latest_value (signal_id, time, value, quality, received_at) select signal_id, now(), 1, 192, now() from signal`,
    );
    await database.query(
      "call refresh_rollups('2026-11-19T12:00:00Z'::timestamptz, '2026-11-20T11:50:00Z'::timestamptz)",
    );
    await database.query('analyze');
  });

  async function plansOf(relation: string, work: (connection: Connection) => Promise<unknown>): Promise<string[]> {
    const plans: string[] = [];
    await withOrganization(stage.database, stage.plant.organization_id, 'read', (connection) =>
      work(watchPlans(connection, relation, plans)),
    );
    expect(plans.length).toBeGreaterThan(0);
    return plans;
  }

  test("a series reads one signal by index, never the others' rows", async () => {
    const { pressure } = stage.plant;
    for (const fromMs of [endMs - 3_600_000, endMs - 86_400_000]) {
      const plans = await plansOf('visible_reading', (connection) =>
        readSeries(connection, pressure, { fromMs, toMs: endMs, points: 300 }, endMs),
      );
      for (const plan of plans) {
        // An empty partition of a coming day may be planned as a sequential scan; it is never executed.
        expect(plan.replaceAll(/.*never executed.*/g, '')).not.toMatch(/Seq Scan on (reading|_hyper)/);
        // Of 300,000. A short stretch of all signals may be cheaper than one signal's scattered rows; more may not.
        expect(rowsThrownAway(plan), plan).toBeLessThan(10_000);
      }
    }
  });

  test('a page of readings and the last one before a time read no more than they give', async () => {
    const { database, plant } = stage;
    // The plans inside the function, as the server logs them for itself: what the statistics of its scans say.
    async function readRows(work: (connection: Connection) => Promise<unknown>): Promise<number> {
      const count = async (): Promise<number> => {
        await database.query('select pg_stat_force_next_flush()');
        const [row] = await database.query<{ rows: number }>(
          `select coalesce(sum(idx_tup_read) filter (where indexrelname ~ 'reading_key|signal_id_time_idx'), 0)::int8 as rows from pg_stat_all_indexes`,
        );
        return row?.rows ?? 0;
      };
      const before = await count();
      await withOrganization(database, plant.organization_id, 'read', async (connection) => {
        await work(connection);
        await connection.query('select pg_stat_force_next_flush()');
      });
      return (await count()) - before;
    }
    const page = { limit: 10, from: '2026-11-20T00:00:00Z' };
    expect(await readRows((connection) => listReadings(connection, plant.pressure, page))).toBe(11);
    const all = { limit: 10 };
    expect(await readRows((connection) => listReadings(connection, plant.pressure, all))).toBe(11);
    const range = { fromMs: endMs - 60_000, toMs: endMs, points: 300 };
    // Ten before the range, three in it.
    expect(await readRows((connection) => readSeries(connection, plant.pressure, range, endMs))).toBe(13);
  });

  test('the newest values are read once, not once a row', async () => {
    const plans = await plansOf('latest_value', (connection) => listSignals(connection, { limit: 1000 }));
    for (const plan of plans) {
      const loops = [...plan.matchAll(/Scan.* on (?:signal|latest_value) .*loops=(\d+)/g)].map((scan) => scan[1]);
      expect(loops.length, plan).toBeGreaterThanOrEqual(2);
      expect(new Set(loops), plan).toEqual(new Set(['1']));
    }
  });
});
