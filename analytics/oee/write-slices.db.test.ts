import { beforeAll, describe, expect, it } from 'vitest';
import { oeeRatios, sumComponents, type OeeComponents } from '../../core/oee-ratios.ts';
import { createTestDatabase, type TestDatabase, testEngines } from '../../core/testing/database.ts';
import { insertSmallPlant, type SmallPlant } from '../testing/small-plant.ts';
import { writeShiftInstances } from './shift-instances.ts';
import { lockSlices, writeSlices } from './write-slices.ts';

const day = Date.parse('2026-03-02T00:00:00Z');
const hour = 3_600_000;

describe.each(testEngines())('OEE slices on %s', (engine) => {
  let database: TestDatabase;
  let plant: SmallPlant;
  beforeAll(async () => {
    database = await createTestDatabase(engine);
    plant = await insertSmallPlant(database, 4);
    await writeShiftInstances(database, day, day + 24 * hour, day);
    const machine = plant.machines[0]?.machine_id;
    // 10:00 running, 11:00 down, 11:15 running, 12:20 idle (the break is 12:00-12:30), 12:40 silence, 12:50 maintenance.
    for (const [from, to, state] of [
      ['10:00', '11:00', 'running'],
      ['11:00', '11:15', 'down'],
      ['11:15', '12:20', 'running'],
      ['12:20', '12:40', 'idle'],
      ['12:40', '12:50', 'no_data'],
      ['12:50', null, 'planned_stop'],
    ]) {
      await database.query(
        `insert into machine_state (organization_id, machine_id, started_at, ended_at, state) values ($1, $2, $3::timestamptz, $4::timestamptz, $5)`,
        [plant.organization_id, machine, `2026-03-02T${from}Z`, to === null ? null : `2026-03-02T${to}Z`, state],
      );
    }
    await database.query(
      `insert into machine_progress (machine_id, organization_id, heard_at, known_to) values ($1, $2, '2026-03-02T12:55Z', '2026-03-02T12:55Z')`,
      [machine, plant.organization_id],
    );
    for (const [minute, product, observed, total, good] of [
      ['10:10', 'P-1', true, 1000, 980],
      ['11:30', 'P-1', true, 100, 100],
      ['11:40', 'P-2', true, 200, 190],
      ['12:51', 'P-2', false, 50, 50],
    ] as const) {
      await database.query(
        `insert into production_minute (organization_id, machine_id, minute, product_id, observed, total_count, good_count, reject_count)
         values ($1, $2, $3::timestamptz, $4, $5, $6, $7, $6 - $7::float8)`,
        [plant.organization_id, machine, `2026-03-02T${minute}Z`, plant.product_ids[product], observed, total, good],
      );
    }
    await writeSlices(database, { from_ms: day, to_ms: day + 24 * hour });
  });

  const slices = () =>
    database.query<
      OeeComponents & {
        at: string;
        idle_seconds: number;
        down_seconds: number;
        planned_stop_seconds: number;
        done: boolean;
      }
    >(
      `select to_char(started_at, 'HH24:MI') as at, planned_seconds, running_seconds, setup_seconds, idle_seconds, down_seconds, planned_stop_seconds, no_data_seconds,
              total_count, good_count, ideal_total_seconds, ideal_good_seconds, computed_to = ended_at as done
         from oee_slice where machine_id = $1 order by started_at`,
      [plant.machines[0]?.machine_id],
    );

  it('cuts the shift at full hours and puts every second in its bucket', async () => {
    const rows = (await slices()).filter((slice) => slice.at >= '10:00');
    expect(rows).toMatchObject([
      {
        at: '10:00',
        planned_seconds: 3600,
        running_seconds: 3600,
        ideal_total_seconds: 2000,
        ideal_good_seconds: 1960,
        done: true,
      },
      {
        at: '11:00',
        planned_seconds: 3600,
        running_seconds: 2700,
        down_seconds: 900,
        ideal_total_seconds: 1000,
        ideal_good_seconds: 960,
        done: true,
      },
      {
        at: '12:00',
        // Running through the break is worked time; idle in it is not planned.
        running_seconds: 1200,
        idle_seconds: 600,
        planned_seconds: 1800,
        no_data_seconds: 600,
        planned_stop_seconds: 300,
        // What the counter gained across the silence is left out.
        total_count: 0,
        done: false,
      },
    ]);
  });

  it('begins where the machine was first heard: nothing can be missing before it was there', async () => {
    expect((await slices()).map((slice) => slice.at)).toEqual(['10:00', '11:00', '12:00']);
    const [, , , late] = plant.machines;
    await database.query(
      `insert into machine_state (organization_id, machine_id, started_at, ended_at, state)
       values ($1, $2, '2026-03-02T10:45Z', '2026-03-02T10:50Z', 'running'), ($1, $2, '2026-03-02T10:50Z', null, 'no_data')`,
      [plant.organization_id, late?.machine_id],
    );
    await database.query(
      `insert into machine_progress (machine_id, organization_id, heard_at, known_to) values ($1, $2, '2026-03-02T10:50Z', '2026-03-02T11:30Z')`,
      [late?.machine_id, plant.organization_id],
    );
    await writeSlices(database, { from_ms: day, to_ms: day + 24 * hour });
    expect(
      await database.query(
        `select to_char(started_at, 'HH24:MI') as at, planned_seconds, no_data_seconds from oee_slice where machine_id = $1 order by 1`,
        [late?.machine_id],
      ),
    ).toEqual([
      { at: '10:00', planned_seconds: 300, no_data_seconds: 600 },
      { at: '11:00', planned_seconds: 0, no_data_seconds: 1800 },
    ]);
  });

  it('a silence is provisional until the machine is heard again: its readings may only be under way', async () => {
    const late = plant.machines[3]?.machine_id;
    await database.query(
      `update machine_progress set heard_at = '2026-03-02T12:02Z', known_to = '2026-03-02T12:02Z' where machine_id = $1`,
      [late],
    );
    await database.query(
      `update machine_state set state = 'running' where machine_id = $1 and started_at = '2026-03-02T10:50Z'`,
      [late],
    );
    await writeSlices(database, { from_ms: day, to_ms: day + 24 * hour });
    expect(
      await database.query(
        `select to_char(started_at, 'HH24:MI') as at, running_seconds, no_data_seconds, computed_to = ended_at as done
           from oee_slice where machine_id = $1 order by 1`,
        [late],
      ),
    ).toEqual([
      { at: '10:00', running_seconds: 900, no_data_seconds: 0, done: true },
      { at: '11:00', running_seconds: 3600, no_data_seconds: 0, done: true },
      { at: '12:00', running_seconds: 120, no_data_seconds: 0, done: false },
    ]);
  });

  it('jobs and recomputations that meet the same slices in different orders wait for each other', async () => {
    const ids = plant.machines.map((machine) => machine.machine_id);
    const range = { from_ms: day, to_ms: day + 24 * hour };
    const recompute = (order: number[]) =>
      database.withTransaction(async (connection) => {
        await lockSlices(connection);
        for (const id of order)
          await connection.query('update oee_slice set computed_to = started_at where machine_id = $1', [id]);
      });
    for (let round = 0; round < 15; round++) {
      await Promise.all([
        writeSlices(database, { ...range, machine_ids: ids }),
        recompute(ids.toReversed()),
        writeSlices(database, { ...range, machine_ids: ids.toReversed() }),
        recompute(ids),
      ]);
    }
    await writeSlices(database, range);
    expect((await slices()).map((slice) => slice.done)).toEqual([true, true, false]);
  });

  it('sums to the ratios of the shift', async () => {
    const ratios = oeeRatios(sumComponents(await slices()));
    expect(ratios.availability).toBeCloseTo(7500 / 9000, 12);
    expect(ratios.performance).toBeCloseTo(3000 / 7500, 12);
    expect(ratios.quality).toBeCloseTo(2920 / 3000, 12);
    expect(ratios.oee).toBeCloseTo(2920 / 9000, 12);
  });

  it('recomputes a finished slice only when asked for it, and a machine never heard of has none', async () => {
    const [machine, silent] = plant.machines;
    await database.query(
      `update production_minute set total_count = 1100, good_count = 1080 where machine_id = $1 and minute = '2026-03-02T10:10Z'`,
      [machine?.machine_id],
    );
    await writeSlices(database, { from_ms: day, to_ms: day + 24 * hour });
    expect((await slices()).find((slice) => slice.at === '10:00')?.total_count).toBe(1000);
    await writeSlices(database, {
      from_ms: day + 10 * hour,
      to_ms: day + 11 * hour,
      machine_ids: [machine?.machine_id ?? 0],
    });
    expect((await slices()).find((slice) => slice.at === '10:00')?.total_count).toBe(1100);
    expect(await database.query('select 1 from oee_slice where machine_id = $1', [silent?.machine_id])).toEqual([]);
  });

  it('two shifts that ran at once, from before that was refused, share no hour: the first has it', async () => {
    const ids = plant.machines.map((machine) => machine.machine_id);
    const before = await slices();
    await database.query(
      `insert into shift_instance (organization_id, site_id, shift_id, production_date, started_at, ended_at)
       select organization_id, site_id, shift_id, production_date + 100, started_at + interval '8 hours', ended_at
         from shift_instance where started_at = to_timestamp($1::float8 / 1000)`,
      [day],
    );
    await writeSlices(database, { from_ms: day + 10 * hour, to_ms: day + 12 * hour, machine_ids: ids });
    expect(await slices()).toEqual(before);
    await database.query('delete from shift_instance where started_at = to_timestamp($1::float8 / 1000)', [
      day + 8 * hour,
    ]);
  });

  it('a shift that follows another at a full hour has that hour, although the one before ends in it', async () => {
    const ids = plant.machines.map((machine) => machine.machine_id);
    const before = await slices();
    const end = (at: number) =>
      database.query(
        `update shift_instance set ended_at = to_timestamp($2::float8 / 1000) where started_at = to_timestamp($1::float8 / 1000)`,
        [day, at],
      );
    await database.query(
      `insert into shift_instance (organization_id, site_id, shift_id, production_date, started_at, ended_at, breaks)
       select organization_id, site_id, shift_id, production_date + 100, started_at + interval '11 hours', ended_at, breaks
         from shift_instance where started_at = to_timestamp($1::float8 / 1000)`,
      [day],
    );
    await end(day + 11 * hour);
    await database.query('delete from oee_slice where started_at >= to_timestamp($1::float8 / 1000)', [
      day + 11 * hour,
    ]);
    await writeSlices(database, { from_ms: day + 10 * hour, to_ms: day + 13 * hour, machine_ids: ids });
    expect(await slices()).toEqual(before);
    await database.query('delete from shift_instance where started_at = to_timestamp($1::float8 / 1000)', [
      day + 11 * hour,
    ]);
    await end(day + 24 * hour);
    await writeSlices(database, { from_ms: day + 10 * hour, to_ms: day + 13 * hour, machine_ids: ids });
  });

  it('a product without an ideal cycle leaves the ideal time unknown, not zero', async () => {
    await database.query(`update production_minute set product_id = null where minute = '2026-03-02T11:40Z'`);
    await writeSlices(database, {
      from_ms: day + 11 * hour,
      to_ms: day + 12 * hour - 1,
      machine_ids: [plant.machines[0]?.machine_id ?? 0],
    });
    const slice = (await slices()).find((row) => row.at === '11:00');
    expect(slice).toMatchObject({ total_count: 300, ideal_total_seconds: null, ideal_good_seconds: null });
  });

  it('a line without any ideal cycle has unknown ideal times also in an hour without pieces', async () => {
    await database.query('delete from ideal_cycle where line_id = $1', [plant.line_id]);
    await writeSlices(database, {
      from_ms: day + 10 * hour,
      to_ms: day + 13 * hour,
      machine_ids: [plant.machines[0]?.machine_id ?? 0],
    });
    for (const slice of await slices())
      expect(slice).toMatchObject({ ideal_total_seconds: null, ideal_good_seconds: null });
    expect(oeeRatios(sumComponents(await slices()))).toMatchObject({ performance: null, oee: null });
  });
});
