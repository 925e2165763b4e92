import { beforeAll, describe, expect, it } from 'vitest';
import { createTestDatabase, type TestDatabase, testEngines } from '../../core/testing/database.ts';
import { insertSmallPlant, type SmallPlant } from '../testing/small-plant.ts';
import { raiseWorkOrder } from './raise-work-order.ts';
import { cancelCleared, faultsToBring } from './sweep-work-orders.ts';

describe.each(testEngines())('work orders on %s', (engine) => {
  let database: TestDatabase;
  let plant: SmallPlant;
  beforeAll(async () => {
    database = await createTestDatabase(engine);
    plant = await insertSmallPlant(database, 11);
  });

  async function insertFault(machine: number, mode: string, severity = 3): Promise<number> {
    const [row] = await database.query<{ fault_id: number }>(
      `insert into fault (organization_id, machine_id, failure_mode, started_at, confidence, severity, evidence)
       values ($1, $2, $3, clock_timestamp(), 0.9, $4, '{"rule":"signatures/1"}') returning fault_id`,
      [plant.organization_id, plant.machines[machine]?.machine_id, mode, severity],
    );
    return row?.fault_id ?? 0;
  }
  const endFault = (fault: number) =>
    database.query('update fault set ended_at = clock_timestamp() where fault_id = $1', [fault]);
  const ordersOf = (machine: number) =>
    database.query<{
      work_order_id: number;
      failure_mode: string;
      state: string;
      priority: number;
      occurrences: number;
      condition: string;
      repeat_of: number | null;
      due: number;
    }>(
      `select work_order_id, failure_mode, state, priority, occurrences, condition, repeat_of, extract(epoch from due_at - created_at)::float8 / 3600 as due
         from work_order where machine_id = $1 order by work_order_id`,
      [plant.machines[machine]?.machine_id],
    );
  const eventsOf = async (order: number | undefined) =>
    (
      await database.query<{ event: string }>(
        `select kind || coalesce(' ' || from_value, '') || coalesce(' > ' || to_value, '') as event from work_order_event where work_order_id = $1 order by work_order_event_id`,
        [order],
      )
    ).map((row) => row.event);

  it('twenty workers that answer one fault make one order', async () => {
    const fault = await insertFault(0, 'bearing');
    const answers = await Promise.all(Array.from({ length: 20 }, () => raiseWorkOrder(database, fault)));
    expect(new Set(answers).size).toBe(1);
    const orders = await ordersOf(0);
    expect(orders).toMatchObject([
      { failure_mode: 'bearing', state: 'proposed', priority: 3, occurrences: 1, due: 72 },
    ]);
    expect(await eventsOf(orders[0]?.work_order_id)).toEqual(['created > proposed']);
  });

  it('the database itself refuses a second open order', async () => {
    await expect(
      database.query(
        `insert into work_order (organization_id, machine_id, failure_mode, title, priority) values ($1, $2, 'bearing', 'x', 3)`,
        [plant.organization_id, plant.machines[0]?.machine_id],
      ),
    ).rejects.toThrow('work_order_one_open');
  });

  it('a fault that comes back joins the open order, and raises its priority only upwards', async () => {
    await endFault(
      await insertFault(1, 'bearing', 3).then(async (fault) => (await raiseWorkOrder(database, fault), fault)),
    );
    const worse = await insertFault(1, 'bearing', 2);
    await Promise.all(Array.from({ length: 20 }, () => raiseWorkOrder(database, worse)));
    await endFault(worse);
    await raiseWorkOrder(database, worse);
    const milder = await insertFault(1, 'bearing', 4);
    await raiseWorkOrder(database, milder);
    const orders = await ordersOf(1);
    expect(orders).toMatchObject([{ occurrences: 3, priority: 2, condition: 'active' }]);
    // As soon as an order of that priority is due, counted from the rise.
    expect(orders[0]?.due).toBeCloseTo(24, 1);
    expect(await eventsOf(orders[0]?.work_order_id)).toEqual([
      'created > proposed',
      'occurrence',
      'priority 3 > 2',
      'condition active > cleared',
      'occurrence',
    ]);
  });

  it('another failure mode is another order; an unknown one that becomes clear keeps its order', async () => {
    await raiseWorkOrder(database, await insertFault(2, 'electrical'));
    const vague = await insertFault(2, 'unknown');
    await raiseWorkOrder(database, vague);
    await database.query(`update fault set failure_mode = 'overheating' where fault_id = $1`, [vague]);
    expect(await faultsToBring(database)).toContain(vague);
    await raiseWorkOrder(database, vague);
    expect((await ordersOf(2)).map((order) => order.failure_mode)).toEqual(['electrical', 'overheating']);
    expect(await faultsToBring(database)).not.toContain(vague);
  });

  it('started work is not ended by a signal; an untouched proposal is cancelled after the dwell time', async () => {
    const started = await insertFault(3, 'bearing');
    const proposed = await insertFault(3, 'electrical');
    for (const fault of [started, proposed]) await raiseWorkOrder(database, fault);
    await database.query(`update work_order set state = 'in_progress' where fault_id = $1`, [started]);
    for (const fault of [started, proposed]) {
      await endFault(fault);
      await raiseWorkOrder(database, fault);
    }
    await cancelCleared(database);
    expect((await ordersOf(3)).map((order) => order.state)).toEqual(['in_progress', 'proposed']);
    await database.query(`update work_order_event set at = at - interval '31 minutes'`);
    await cancelCleared(database);
    expect((await ordersOf(3)).map((order) => `${order.state} ${order.condition}`)).toEqual([
      'in_progress cleared',
      'cancelled cleared',
    ]);
  });

  it('a new fault after the order was closed opens a new one that points to the last', async () => {
    const first = await insertFault(4, 'tool_wear');
    const order = await raiseWorkOrder(database, first);
    await endFault(first);
    await database.query(`update work_order set state = 'closed', closed_at = now() where work_order_id = $1`, [order]);
    // The doorbell of the old fault may still ring.
    await raiseWorkOrder(database, first);
    await raiseWorkOrder(database, await insertFault(4, 'tool_wear'));
    expect(await ordersOf(4)).toMatchObject([{ state: 'closed' }, { state: 'proposed', repeat_of: order }]);
  });

  it.each([
    ['closed', 4],
    ['rejected', 24],
  ] as const)('a fault that goes on after its order was %s rings again after %s h, once', async (state, hours) => {
    const machine = state === 'closed' ? 6 : 7;
    const fault = await insertFault(machine, 'overheating');
    const first = await raiseWorkOrder(database, fault);
    const end = (agoHours: number) =>
      database.query(
        `update work_order set state = $2, closed_at = now() - $3 * interval '1 hour' where work_order_id = $1`,
        [first, state, agoHours],
      );
    await end(hours - 0.1);
    expect(await faultsToBring(database)).not.toContain(fault);
    expect(await raiseWorkOrder(database, fault)).toBe(first);
    await end(hours + 0.1);
    expect(await faultsToBring(database)).toContain(fault);
    const answers = await Promise.all(Array.from({ length: 20 }, () => raiseWorkOrder(database, fault)));
    expect(new Set(answers).size).toBe(1);
    const orders = await ordersOf(machine);
    expect(orders).toMatchObject([{ state }, { state: 'proposed', repeat_of: first, occurrences: 1 }]);
    expect(await eventsOf(orders[1]?.work_order_id)).toEqual(['still_active > proposed']);
    expect(await faultsToBring(database)).not.toContain(fault);
    await endFault(fault);
    await raiseWorkOrder(database, fault);
    expect((await ordersOf(machine))[1]?.condition).toBe('cleared');
  });

  it('the fault of a merged order goes on in the order that it was merged into', async () => {
    const bearing = await insertFault(9, 'bearing');
    const vague = await insertFault(9, 'unknown');
    const into = await raiseWorkOrder(database, bearing);
    const merged = await raiseWorkOrder(database, vague);
    await database.query(`update work_order set state = 'merged', closed_at = now() where work_order_id = $1`, [
      merged,
    ]);
    await database.query(
      `insert into work_order_event (organization_id, work_order_id, kind, fault_id) values ($1, $2, 'merged', $3)`,
      [plant.organization_id, into, vague],
    );
    await endFault(bearing);
    for (const fault of await faultsToBring(database)) await raiseWorkOrder(database, fault);
    expect((await ordersOf(9))[0]).toMatchObject({ condition: 'active' });
    await database.query(
      `update work_order set state = 'closed', closed_at = now() - interval '4.1 hours' where work_order_id = $1`,
      [into],
    );
    expect(await faultsToBring(database)).toContain(vague);
    await raiseWorkOrder(database, vague);
    expect(await ordersOf(9)).toMatchObject([{ state: 'closed' }, { state: 'merged' }, { state: 'proposed' }]);
  });

  it('nobody knows whether its condition holds while the machine is silent', async () => {
    const order = await raiseWorkOrder(database, await insertFault(10, 'bearing'));
    const sweep = async () => {
      for (const fault of await faultsToBring(database)) await raiseWorkOrder(database, fault);
      return (await ordersOf(10))[0]?.condition;
    };
    for (const [silence, condition] of [
      ['4 minutes', 'active'],
      ['6 minutes', 'unknown'],
      ['0', 'active'],
    ]) {
      await database.query(
        `insert into machine_progress (machine_id, organization_id, heard_at, known_to) values ($1, $2, now() - $3::interval, now())
         on conflict (machine_id) do update set heard_at = excluded.heard_at, known_to = excluded.known_to`,
        [plant.machines[10]?.machine_id, plant.organization_id, silence],
      );
      expect(await sweep()).toBe(condition);
    }
    expect(await eventsOf(order ?? 0)).toEqual([
      'created > proposed',
      'condition active > unknown',
      'condition unknown > active',
    ]);
  });

  it('is titled with the machine as planners know it, and says when in UTC', async () => {
    await database.query(`update machine set title = 'Handling robot 2' where machine_id = $1`, [
      plant.machines[8]?.machine_id,
    ]);
    const order = await raiseWorkOrder(database, await insertFault(8, 'bearing'));
    const [row] = await database.query<{ title: string; evidence: { fault_started_at: string } }>(
      'select title, evidence from work_order where work_order_id = $1',
      [order],
    );
    expect(row?.title).toBe('Bearing damage on Handling robot 2 (m-009)');
    expect(row?.evidence.fault_started_at).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  });

  it('only a clear fault of the worst severity is approved without a person', async () => {
    await raiseWorkOrder(database, await insertFault(5, 'bearing', 1));
    expect(await ordersOf(5)).toMatchObject([{ state: 'approved', priority: 1, due: 4 }]);
  });
});
