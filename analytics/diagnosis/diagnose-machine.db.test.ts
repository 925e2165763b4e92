import { beforeAll, describe, expect, it } from 'vitest';
import { now } from '../../core/clock.ts';
import { createTestDatabase, type TestDatabase, testEngines } from '../../core/testing/database.ts';
import { storeReadings } from '../../core/testing/store-readings.ts';
import { raiseWorkOrder } from '../maintenance/raise-work-order.ts';
import { faultsToBring } from '../maintenance/sweep-work-orders.ts';
import { insertSmallPlant, type SmallPlant } from '../testing/small-plant.ts';
import type { Evidence } from './freeze-evidence.ts';
import { diagnoseMachine, machinesToDiagnose } from './diagnose-machine.ts';

describe.each(testEngines())('diagnosis on %s', (engine) => {
  let database: TestDatabase;
  let plant: SmallPlant;
  beforeAll(async () => {
    database = await createTestDatabase(engine);
    plant = await insertSmallPlant(database, 16);
    await database.query(
      `insert into employee (organization_id, email, name, role) values ($1, 'a@b.c', 'A', 'operator')`,
      [plant.organization_id],
    );
  });
  const idOf = (machine: number): number => plant.machines[machine]?.machine_id ?? 0;

  async function raise(machine: number, signal: string | null, kind: string, value = 1, minutesAgo = 1): Promise<void> {
    await database.query(
      `insert into alarm (organization_id, machine_id, signal_id, kind, priority, state, raised_at, value, message)
       values ($1, $2, $3, $4, 3, 'unacknowledged', clock_timestamp() - $6 * interval '1 minute', $5, 'x')`,
      [
        plant.organization_id,
        idOf(machine),
        signal === null ? null : plant.machines[machine]?.signals[signal],
        kind,
        value,
        minutesAgo,
      ],
    );
  }
  async function score(machine: number, signal: string, deviation: number): Promise<void> {
    await database.query(
      `insert into anomaly_score (signal_id, organization_id, time, score, deviation, value, expected_value) values ($1, $2, now(), 0.9, $3, 2, 1)
       on conflict (signal_id) do update set deviation = excluded.deviation`,
      [plant.machines[machine]?.signals[signal], plant.organization_id, deviation],
    );
  }
  const returnAlarms = (machine: number) =>
    database.query('update alarm set returned_at = clock_timestamp() where machine_id = $1', [idOf(machine)]);
  const faults = (machine: number) =>
    database.query<{ failure_mode: string; alarms: number; ended: boolean; severity: number }>(
      'select failure_mode, cardinality(alarm_ids) as alarms, ended_at is not null as ended, severity from fault where machine_id = $1 order by fault_id',
      [idOf(machine)],
    );

  it('joins the consequences to the fault that explains them', async () => {
    await score(0, 'vibration', 25);
    await raise(0, 'vibration', 'limit_high', 85, 10);
    await diagnoseMachine(database, idOf(0));
    await raise(0, null, 'anomaly', 0.9, 8);
    await raise(0, 'temperature', 'limit_high', 85, 5);
    await diagnoseMachine(database, idOf(0));
    await raise(0, 'fault', 'fault_code', 101, 1);
    await diagnoseMachine(database, idOf(0));
    await diagnoseMachine(database, idOf(0));
    expect(await faults(0)).toEqual([{ failure_mode: 'bearing', alarms: 4, ended: false, severity: 2 }]);
  });

  it('an independent failure is a fault of its own', async () => {
    await raise(1, 'temperature', 'limit_high', 85, 10);
    await diagnoseMachine(database, idOf(1));
    await raise(1, 'torque', 'limit_high_high', 95, 1);
    await score(1, 'torque', 40);
    await score(1, 'temperature', 2);
    await diagnoseMachine(database, idOf(1));
    expect((await faults(1)).map((fault) => fault.failure_mode)).toEqual(['overheating', 'tool_wear']);
  });

  it('an unknown fault gets its name when it has become clear', async () => {
    await raise(2, 'pressure', 'limit_low_low', 5);
    await diagnoseMachine(database, idOf(2));
    expect(await faults(2)).toMatchObject([{ failure_mode: 'unknown' }]);
    await score(2, 'voltage', -20);
    await score(2, 'current', 12);
    expect(await diagnoseMachine(database, idOf(2))).toHaveLength(1);
    expect(await faults(2)).toMatchObject([{ failure_mode: 'electrical', alarms: 1 }]);
  });

  it('a fault code alone is the controller’s own fault', async () => {
    await raise(3, 'fault', 'fault_code', 77);
    await diagnoseMachine(database, idOf(3));
    expect(await faults(3)).toMatchObject([{ failure_mode: 'plc_77', severity: 2 }]);
  });

  it('ends when alarms have returned and sensors are back to normal', async () => {
    expect(await machinesToDiagnose(database)).toContain(idOf(3));
    await returnAlarms(3);
    await diagnoseMachine(database, idOf(3));
    expect(await faults(3)).toMatchObject([{ ended: true }]);
    expect(await machinesToDiagnose(database)).not.toContain(idOf(3));
  });

  it('what is only unusual makes no fault until two sensors have borne out one failure for ten minutes', async () => {
    await raise(7, null, 'anomaly', 0.8, 30);
    await diagnoseMachine(database, idOf(7));
    expect(await faults(7)).toEqual([]);
    const since = (signal: string, minutes: number) =>
      database.query(
        `insert into anomaly (organization_id, machine_id, signal_id, started_at, peak_score, value, expected_value, detector)
         values ($1, $2, $3, clock_timestamp() - $4 * interval '1 minute', 0.8, 2, 1, 'x')
         on conflict (signal_id, started_at) do nothing`,
        [plant.organization_id, idOf(7), plant.machines[7]?.signals[signal], minutes],
      );
    await score(7, 'voltage', -20);
    await since('voltage', 5);
    await diagnoseMachine(database, idOf(7));
    expect(await faults(7)).toEqual([]);
    await score(7, 'current', 12);
    await since('current', 4);
    await diagnoseMachine(database, idOf(7));
    expect(await faults(7)).toEqual([]);
    await database.query(`update anomaly set started_at = started_at - interval '6 minutes' where machine_id = $1`, [
      idOf(7),
    ]);
    await diagnoseMachine(database, idOf(7));
    expect(await faults(7)).toMatchObject([{ failure_mode: 'electrical' }]);
  });

  it('the sweep finds a fault code that came and went while its doorbell was lost', async () => {
    await raise(14, 'fault', 'fault_code', 77, 30);
    await raise(14, 'temperature', 'limit_high', 85, 25);
    await returnAlarms(14);
    // One that came and went on a shelf made no work then, and makes none when the shelf has ended.
    await raise(15, 'fault', 'fault_code', 78, 20);
    await returnAlarms(15);
    await database.query(
      `update alarm set state = 'returned_unacknowledged',
              shelved_by = (select min(employee_id) from employee) where machine_id = $1`,
      [idOf(15)],
    );
    const machines = await machinesToDiagnose(database);
    expect(machines).toContain(idOf(14));
    expect(machines).not.toContain(idOf(15));
    const [fault = 0] = await diagnoseMachine(database, idOf(14));
    expect(await faults(14)).toEqual([{ failure_mode: 'plc_77', alarms: 1, ended: true, severity: 2 }]);
    expect(await machinesToDiagnose(database)).not.toContain(idOf(14));
    expect(await diagnoseMachine(database, idOf(14))).toEqual([]);

    // And the doorbell of the fault is lost too: the next sweep brings it to an order, although it is over.
    expect(await faultsToBring(database)).toContain(fault);
    await raiseWorkOrder(database, fault);
    await raiseWorkOrder(database, fault);
    expect(await faultsToBring(database)).not.toContain(fault);
    expect(
      await database.query('select state, failure_mode, condition, occurrences from work_order where machine_id = $1', [
        idOf(14),
      ]),
    ).toEqual([{ state: 'proposed', failure_mode: 'plc_77', condition: 'cleared', occurrences: 1 }]);
  });

  it('a shelved alarm makes no fault', async () => {
    await raise(4, 'vibration', 'limit_high');
    await database.query(`update alarm set state = 'shelved' where machine_id = $1`, [idOf(4)]);
    await diagnoseMachine(database, idOf(4));
    expect(await faults(4)).toEqual([]);
  });

  it('an alarm about the data says nothing of the machine', async () => {
    await raise(5, null, 'stale');
    expect(await machinesToDiagnose(database)).not.toContain(idOf(5));
    await diagnoseMachine(database, idOf(5));
    expect(await faults(5)).toEqual([]);
  });

  it('freezes why: a sentence, what deviates, and one trend a signal with what is usual and its limits', async () => {
    const end = Math.floor(now() / 60_000) * 60_000;
    const signals = plant.machines[6]?.signals ?? {};
    await storeReadings(
      database,
      Array.from({ length: 4000 }, (_, second) => ({
        signal_id: signals['vibration'] ?? 0,
        time_us: (end - (4000 - second) * 1000) * 1000,
        value: second < 2000 ? 1 : 2,
      })),
    );
    await score(6, 'vibration', 25);
    await score(6, 'temperature', 1);
    await database.query(`update signal set unit = 'mm/s' where signal_id = $1`, [signals['vibration']]);
    await raise(6, 'vibration', 'limit_high', 2, 20);
    await diagnoseMachine(database, idOf(6));
    const [fault] = await database.query<{ evidence: Evidence }>('select evidence from fault where machine_id = $1', [
      idOf(6),
    ]);
    const evidence = fault?.evidence;
    expect(evidence?.summary).toBe('Vibration is 2 mm/s, far above its usual 1 mm/s; this looks like bearing damage.');
    expect(evidence?.symptoms).toMatchObject([
      { signal: 'vibration', unit: 'mm/s', value: 2, expected_value: 1, deviation: 25 },
    ]);
    expect(evidence?.symptoms[0]?.sentence).toBe('Vibration is 2 mm/s, far above its usual 1 mm/s.');
    const rfc3339 = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;
    expect(evidence?.symptoms[0]?.since).toMatch(rfc3339);
    expect(evidence?.alarms[0]?.raised_at).toMatch(rfc3339);
    expect(evidence?.trend).toHaveLength(1);
    const [trend] = evidence?.trend ?? [];
    expect(trend).toMatchObject({
      signal: 'vibration',
      expected: 1,
      limit_high: 80,
      limit_high_high: 90,
      limit_low: 20,
    });
    expect(trend?.times.length).toBeGreaterThan(80);
    expect(trend?.times.length).toBeLessThanOrEqual(201);
    expect(new Set(trend?.values)).toEqual(new Set([1, 2]));
  });

  it('ten workers at once make one fault', async () => {
    await raise(5, 'vibration', 'limit_high_high');
    await Promise.all(Array.from({ length: 10 }, () => diagnoseMachine(database, idOf(5))));
    expect(await faults(5)).toHaveLength(1);
  });

  it('the fault code after the breakdown, when its limits have returned, belongs to the failure before it', async () => {
    const machine = 12;
    await raise(machine, 'torque', 'limit_high_high', 95, 3);
    for (const fault of await diagnoseMachine(database, idOf(machine))) await raiseWorkOrder(database, fault);
    expect(await faults(machine)).toMatchObject([{ failure_mode: 'tool_wear' }]);
    // The machine stops: the limits return, and the fault is over before the code is seen.
    await returnAlarms(machine);
    await database.query('update fault set ended_at = clock_timestamp() where machine_id = $1', [idOf(machine)]);
    await raise(machine, 'fault', 'fault_code', 401, 0);
    for (const fault of await diagnoseMachine(database, idOf(machine))) await raiseWorkOrder(database, fault);
    expect(
      await database.query('select failure_mode, occurrences, condition from work_order where machine_id = $1', [
        idOf(machine),
      ]),
    ).toEqual([{ failure_mode: 'tool_wear', occurrences: 2, condition: 'active' }]);
  });

  it('a fault code names an unknown fault, and alone gives the failure that it stands for', async () => {
    await raise(13, 'pressure', 'limit_low_low', 5);
    await diagnoseMachine(database, idOf(13));
    expect(await faults(13)).toMatchObject([{ failure_mode: 'unknown' }]);
    await raise(13, 'fault', 'fault_code', 301, 0);
    await diagnoseMachine(database, idOf(13));
    expect(await faults(13)).toMatchObject([{ failure_mode: 'tool_wear', alarms: 2 }]);
    await raise(11, 'fault', 'fault_code', 201, 0);
    await diagnoseMachine(database, idOf(11));
    expect(await faults(11)).toMatchObject([{ failure_mode: 'overheating', alarms: 1 }]);
  });
});
