import { beforeAll, describe, expect, it } from 'vitest';
import { createTestDatabase, type TestDatabase, testEngines } from '../../core/testing/database.ts';
import { writeShiftInstances } from '../oee/shift-instances.ts';
import { insertSmallPlant, type SmallPlant } from '../testing/small-plant.ts';
import { writeReliability } from './write-reliability.ts';

const day = Date.parse('2026-03-02T00:00:00Z');
const hour = 3_600_000;

describe.each(testEngines())('reliability on %s', (engine) => {
  let database: TestDatabase;
  let plant: SmallPlant;
  beforeAll(async () => {
    database = await createTestDatabase(engine);
    plant = await insertSmallPlant(database, 1);
    await database.query(`update shift set start_time = '06:00', end_time = '14:00'`);
  });

  it('what a machine stood idle between the shifts is not operating; what it ran there is', async () => {
    await writeShiftInstances(database, day, day + 72 * hour, day);
    const machine = plant.machines[0]?.machine_id;
    const at = (hours: number) => new Date(day + hours * hour).toISOString();
    // Two shifts of eight hours: one hour of overtime, an hour of faults in the first, and nights of idling.
    for (const [from, to, state, code] of [
      [6, 10, 'running', null],
      [10, 11, 'down', 7],
      [11, 13, 'running', null],
      [13, 20, 'idle', null],
      [20, 21, 'running', null],
      [21, 31, 'idle', null],
      [31, 38, 'running', null],
      [38, null, 'idle', null],
    ] as const) {
      await database.query(
        `insert into machine_state (organization_id, machine_id, started_at, ended_at, state, fault_code) values ($1, $2, $3::timestamptz, $4::timestamptz, $5, $6)`,
        [plant.organization_id, machine, at(from), to === null ? null : at(to), state, code],
      );
    }
    await database.query(
      `insert into machine_progress (machine_id, organization_id, heard_at, known_to) values ($1, $2, $3::timestamptz, $3::timestamptz)`,
      [machine, plant.organization_id, at(46)],
    );
    await writeReliability(database, day + 46 * hour);
    expect(
      await database.query(
        `select operating_seconds / 3600 as operating, down_seconds / 3600 as down, failures, mttr_restore_seconds / 3600 as mttr
           from reliability where window_days = 7`,
      ),
    ).toEqual([{ operating: 16, down: 1, failures: 1, mttr: 1 }]);
  });
});
