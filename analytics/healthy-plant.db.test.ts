import { beforeAll, describe, expect, it } from 'vitest';
import { referencePlant } from '../core/plant/reference-plant.ts';
import { createTestDatabase, type TestDatabase } from '../core/testing/database.ts';
import { type SimulatedRun, startSimulatedRun } from './testing/simulated-run.ts';

/** Two lines of the reference plant, six machines of each: mixer, moulders, robots, conveyor, pump; lathes, mills, grinder. */
const lines = new Set(['berlin/line-02', 'pune/line-03']);

describe('a simulated plant through analytics', () => {
  let database: TestDatabase;
  let run: SimulatedRun;
  beforeAll(async () => {
    database = await createTestDatabase();
    const whole = referencePlant(1);
    const sites = whole.sites.map((site) => ({
      ...site,
      lines: site.lines
        .filter((line) => lines.has(`${site.name}/${line.name}`))
        .map((line) => ({ ...line, machines: line.machines.slice(0, 6) })),
    }));
    run = await startSimulatedRun(database, { ...whole, sites }, Date.parse('2026-03-03T05:10:00Z'), 4);
  });
  const count = async () => {
    const [row] = await database.query<{ alarms: number; faults: number; orders: number; running: number }>(
      `select (select count(*) from alarm) as alarms, (select count(*) from fault) as faults, (select count(*) from work_order) as orders,
              (select count(*) from machine_state where state = 'running') as running`,
    );
    return row;
  };

  it('makes no work while it is healthy, over breaks, changeovers, stops and restarts', {
    timeout: 180_000,
  }, async () => {
    await run.run(3);
    await run.restart('all', 2);
    await run.run(2);
    await run.restart('simulators', 12);
    await run.restart('analytics', 3);
    await run.run(3);
    expect(run.breakdowns).toEqual([]);
    const counts = await count();
    expect(counts?.running).toBeGreaterThan(100);
    expect(counts).toMatchObject({ faults: 0, orders: 0 });
    expect(counts?.alarms).toBeLessThanOrEqual(2);
  });

  it('makes one order, and the right one, of each failure', { timeout: 180_000 }, async () => {
    run.inject('berlin/line-02/m-006', 'bearing', 1);
    run.inject('berlin/line-02/m-003', 'overheating', 1);
    run.inject('pune/line-03/m-004', 'tool_wear', 1);
    run.inject('pune/line-03/m-001', 'electrical', 1);
    await run.run(0.5);
    await run.restart('all', 2);
    await run.run(1);
    expect(
      await database.query(
        `select l.name || '/' || m.name as machine, failure_mode from work_order join machine m using (machine_id) join line l using (line_id) order by 1`,
      ),
    ).toEqual([
      { machine: 'line-02/m-003', failure_mode: 'overheating' },
      { machine: 'line-02/m-006', failure_mode: 'bearing' },
      { machine: 'line-03/m-001', failure_mode: 'electrical' },
      { machine: 'line-03/m-004', failure_mode: 'tool_wear' },
    ]);
  });
});
