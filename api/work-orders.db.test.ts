import { beforeAll, describe, expect, test } from 'vitest';
import { waitUntil } from '../core/testing/wait-until.ts';
import type { Role } from './schemas/session.ts';
import { createStage, type Answer, type Stage } from './testing/stage.ts';

let stage: Stage;
beforeAll(async () => {
  stage = await createStage();
});

function create(body: Record<string, unknown>, role: Role = 'operator'): Promise<Answer> {
  return stage.post(
    '/api/v1/work-orders',
    { machine_id: stage.plant.machine_ids[0], title: 'Belt slips', ...body },
    stage.tokens[role],
  );
}

function move(id: number, from: string, to: string, role: Role, more: Record<string, unknown> = {}): Promise<Answer> {
  return stage.post(`/api/v1/work-orders/${id}/transition`, { from, to, ...more }, stage.tokens[role]);
}

describe('reporting trouble', () => {
  test('makes a proposed order with a due time by its priority and its history begun', async () => {
    const { status, body, headers } = await create({ failure_mode: 'belt', priority: 2, description: 'Smells, too' });
    expect(status).toBe(201);
    expect(headers['location']).toBe(`/api/v1/work-orders/${body.work_order_id}`);
    expect(body).toMatchObject({
      state: 'proposed',
      origin: 'person',
      machine_name: 'm-001',
      priority: 2,
      description: 'Smells, too',
      occurrences: 1,
      overdue: false,
      transitions: [],
      events: [{ kind: 'created', by: 'The operator', to_value: 'proposed' }],
    });
    expect(body.number).toMatch(/^WO-\d{6}$/);
    expect(Date.parse(body.due_at) - Date.parse(body.created_at)).toBe(24 * 3_600_000);
  });

  test('answers the open order where there is one for the same machine and failure mode, with a link', async () => {
    const first = await create({ failure_mode: 'leak' });
    const second = await create({ failure_mode: 'leak', title: 'Drips' });
    expect(second).toMatchObject({
      status: 409,
      body: {
        type: '/problems/conflict',
        existing: {
          id: first.body.work_order_id,
          number: first.body.number,
          state: 'proposed',
          link: `/api/v1/work-orders/${first.body.work_order_id}`,
        },
      },
    });
    expect(second.body.detail).toContain(first.body.number);
    expect((await create({ failure_mode: 'leak', machine_id: stage.plant.machine_ids[1] })).status).toBe(201);
  });

  test('twenty at once make one order', async () => {
    const answers = await Promise.all(Array.from({ length: 20 }, () => create({ failure_mode: 'at once' })));
    const created = answers.filter((answer) => answer.status === 201);
    expect(created).toHaveLength(1);
    const refused = answers.filter((answer) => answer.status === 409);
    expect(refused).toHaveLength(19);
    expect(new Set(refused.map((answer) => answer.body.existing.id))).toEqual(
      new Set([created[0]?.body.work_order_id]),
    );
  });

  test('is not for viewers, nor for machines of others', async () => {
    expect(await create({}, 'viewer')).toMatchObject({ status: 403, body: { type: '/problems/forbidden' } });
    expect((await create({ machine_id: stage.other.machine_ids[0] })).status).toBe(404);
    expect(await create({ title: 'x' })).toMatchObject({
      status: 400,
      body: { errors: [{ field: 'title', value: 'x', accepted: 'at least 3 characters' }] },
    });
  });
});

describe('moving an order', () => {
  test('from report to close, each step by the one whose step it is', async () => {
    const { employees } = stage;
    const { work_order_id: id } = (await create({ failure_mode: 'whole life' })).body;
    const scheduled_at = '2026-12-01T06:00:00+01:00';
    expect((await move(id, 'proposed', 'approved', 'planner')).body).toMatchObject({
      state: 'approved',
      transitions: ['scheduled', 'in_progress', 'cancelled'],
    });
    expect(
      (await move(id, 'approved', 'scheduled', 'planner', { assigned_to: employees.technician, scheduled_at })).body,
    ).toMatchObject({
      state: 'scheduled',
      assigned_name: 'The technician',
      scheduled_at: '2026-12-01T05:00:00Z',
    });
    const started = await move(id, 'scheduled', 'in_progress', 'technician');
    expect(started.body).toMatchObject({ state: 'in_progress', transitions: ['on_hold', 'work_done'] });
    expect((await move(id, 'in_progress', 'on_hold', 'technician', { hold_reason: 'parts' })).body).toMatchObject({
      state: 'on_hold',
      hold_reason: 'parts',
    });
    expect((await move(id, 'on_hold', 'in_progress', 'technician')).body).toMatchObject({
      hold_reason: null,
      started_at: started.body.started_at,
    });
    expect(
      (await move(id, 'in_progress', 'work_done', 'technician', { outcome: 'confirmed', note: 'New belt' })).body,
    ).toMatchObject({ outcome: 'confirmed' });
    const closed = await move(id, 'work_done', 'closed', 'supervisor');
    const said = closed.body.events.map((event: { kind: string; to_value: string; note: string }) =>
      `${event.kind} ${event.to_value} ${event.note}`.trim(),
    );
    expect(said).toContain('assigned The technician');
    expect(said).toContain('state on_hold waits for parts');
    expect(closed.body.closed_at).toMatch(/Z$/);
    expect(
      closed.body.events
        .filter((event: { kind: string }) => event.kind === 'state')
        .map((event: { to_value: string; by: string }) => [event.to_value, event.by]),
    ).toEqual([
      ['approved', 'The planner'],
      ['scheduled', 'The planner'],
      ['in_progress', 'The technician'],
      ['on_hold', 'The technician'],
      ['in_progress', 'The technician'],
      ['work_done', 'The technician'],
      ['closed', 'The supervisor'],
    ]);
  });

  test('is refused with the present state when somebody else was faster', async () => {
    const { work_order_id: id } = (await create({ failure_mode: 'race' })).body;
    const answers = await Promise.all([
      move(id, 'proposed', 'approved', 'planner'),
      move(id, 'proposed', 'rejected', 'supervisor', { note: 'No' }),
    ]);
    expect(answers.map((answer) => answer.status).sort((a, b) => a - b)).toEqual([200, 409]);
    const refused = answers.find((answer) => answer.status === 409);
    const { state } = (await stage.get(`/api/v1/work-orders/${id}`)).body;
    expect(refused?.body.existing).toMatchObject({ id, state });
    expect((await stage.get(`/api/v1/work-orders/${id}`)).body.events).toHaveLength(2);
  });

  test('that does not exist or is not yours leaves everything as it was', async () => {
    const { work_order_id: id } = (await create({ failure_mode: 'refused' })).body;
    expect(await move(id, 'proposed', 'closed', 'administrator')).toMatchObject({ status: 409 });
    expect(await move(id, 'proposed', 'approved', 'technician')).toMatchObject({ status: 403 });
    expect(await move(id, 'proposed', 'rejected', 'planner')).toMatchObject({
      status: 400,
      body: { errors: [{ field: 'note' }] },
    });
    await move(id, 'proposed', 'approved', 'planner');
    expect(
      await move(id, 'approved', 'scheduled', 'planner', {
        assigned_to: 999_999,
        scheduled_at: '2026-12-01T05:00:00Z',
      }),
    ).toMatchObject({ status: 400, body: { errors: [{ field: 'assigned_to' }] } });
    expect((await stage.get(`/api/v1/work-orders/${id}`)).body).toMatchObject({ state: 'approved', assigned_to: null });
    expect(
      (
        await stage.post(
          `/api/v1/work-orders/${id}/transition`,
          { from: 'approved', to: 'in_progress' },
          stage.otherToken,
        )
      ).status,
    ).toBe(404);
  });

  test('into another order needs an open one of the same machine, and both remember it', async () => {
    const into = (await create({ failure_mode: 'merge target' })).body;
    const elsewhere = (await create({ failure_mode: 'merge elsewhere', machine_id: stage.plant.machine_ids[1] })).body;
    const { work_order_id: id, number } = (await create({ failure_mode: 'merge source' })).body;
    expect((await move(id, 'proposed', 'merged', 'planner', { merge_into: elsewhere.work_order_id })).status).toBe(409);
    expect((await move(id, 'proposed', 'merged', 'planner', { merge_into: id })).status).toBe(409);
    const merged = await move(id, 'proposed', 'merged', 'planner', { merge_into: into.work_order_id });
    expect(merged.body).toMatchObject({ state: 'merged' });
    expect(merged.body.events.at(-1).note).toBe(`into ${into.number}`);
    expect((await stage.get(`/api/v1/work-orders/${into.work_order_id}`)).body.events.at(-1)).toMatchObject({
      kind: 'merged',
      from_value: number,
    });
    expect((await create({ failure_mode: 'merge source' })).status).toBe(201);
  });

  test('into another order takes the faults along that still go on', async () => {
    const { database, plant } = stage;
    const into = (await create({ failure_mode: 'takes over' })).body.work_order_id;
    const { work_order_id: id, number } = (await create({ failure_mode: 'taken over' })).body;
    const [own] = await database.query<{ going: number; ended: number }>(
      `with f as (insert into fault (organization_id, machine_id, failure_mode, started_at, ended_at, confidence, severity)
              select $1, $2, mode, now(), ended, 0.5, 3 from (values ('going', null::timestamptz), ('ended', now())) as v(mode, ended)
           returning fault_id, failure_mode)
       , e as (insert into work_order_event (organization_id, work_order_id, kind, fault_id) select $1, $3, 'created', fault_id from f)
       select max(fault_id) filter (where failure_mode = 'going') as going, max(fault_id) filter (where failure_mode = 'ended') as ended from f`,
      [plant.organization_id, plant.machine_ids[0], id],
    );
    expect((await move(id, 'proposed', 'merged', 'planner', { merge_into: into })).status).toBe(200);
    expect(
      await database.query(
        `select from_value, fault_id from work_order_event where work_order_id = $1 and kind = 'merged'`,
        [into],
      ),
    ).toEqual([{ from_value: number, fault_id: own?.going }]);
  });

  test('back from closed goes for a day, and not past a newer open order', async () => {
    const { database } = stage;
    const { work_order_id: id } = (await create({ failure_mode: 'reopened' })).body;
    await database.execute("update work_order set state = 'closed', closed_at = now() where work_order_id = $1", [id]);
    const newer = (await create({ failure_mode: 'reopened' })).body;
    expect(await move(id, 'closed', 'in_progress', 'planner', { note: 'Again' })).toMatchObject({
      status: 409,
      body: { existing: { id: newer.work_order_id } },
    });
    await move(newer.work_order_id, 'proposed', 'cancelled', 'planner', { note: 'Same as before' });
    expect((await move(id, 'closed', 'in_progress', 'planner', { note: 'Again' })).body).toMatchObject({
      state: 'in_progress',
      closed_at: null,
    });
    await database.execute(
      "update work_order set state = 'closed', closed_at = now() - interval '25 hours' where work_order_id = $1",
      [id],
    );
    expect(await move(id, 'closed', 'in_progress', 'planner', { note: 'Again' })).toMatchObject({ status: 409 });
  });
});

describe('the race for one open order', () => {
  test('a reopening that meets an order of the same trouble, just being made, is told which', async () => {
    const { database, plant } = stage;
    const { work_order_id: id } = (await create({ failure_mode: 'raced' })).body;
    await database.execute("update work_order set state = 'closed', closed_at = now() where work_order_id = $1", [id]);
    const [newer, reopened] = await database.withTransaction(async (connection) => {
      const [made] = await connection.query<{ work_order_id: number }>(
        `insert into work_order (organization_id, machine_id, failure_mode, title, priority)
         values ($1, $2, 'raced', 'Found by analytics', 2) returning work_order_id`,
        [plant.organization_id, plant.machine_ids[0]],
      );
      // Not yet committed, so the reopening cannot see it, and waits for it in the unique index.
      const answer = move(id, 'closed', 'in_progress', 'planner', { note: 'Again' });
      await waitUntil('the reopening waits for the new order', async () => {
        const [row] = await database.query<{ waiting: number }>(
          "select count(*)::int as waiting from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'",
        );
        return row?.waiting === 1;
      });
      return [made, { answer }];
    });
    expect(await reopened.answer).toMatchObject({
      status: 409,
      body: { type: '/problems/conflict', existing: { id: newer?.work_order_id, state: 'proposed' } },
    });
    const [order] = await database.query('select state from work_order where work_order_id = $1', [id]);
    expect(order).toEqual({ state: 'closed' });
  });
});

describe('the list of orders', () => {
  test('filters and pages', async () => {
    const { database, plant, employees } = stage;
    const machine_id = plant.machine_ids[2];
    for (const n of [1, 2, 3]) await create({ machine_id, failure_mode: `list ${n}`, priority: n });
    await database.execute(
      "update work_order set due_at = now() - interval '1 h', assigned_to = $1 where failure_mode = 'list 1'",
      [employees.technician],
    );
    await database.execute("update work_order set state = 'closed' where failure_mode = 'list 3'");
    const modes = async (query: string): Promise<string[]> =>
      (await stage.get(`/api/v1/work-orders?machine=${machine_id}&${query}`)).body.items.map(
        (item: { failure_mode: string }) => item.failure_mode,
      );
    expect(await modes('')).toEqual(['list 3', 'list 2', 'list 1']);
    expect(await modes('open=true')).toEqual(['list 2', 'list 1']);
    expect(await modes('open=false')).toEqual(['list 3']);
    expect(await modes('overdue=true')).toEqual(['list 1']);
    expect(await modes('overdue=false')).toEqual(['list 3', 'list 2']);
    expect(await modes('priority=2')).toEqual(['list 2']);
    expect(await modes(`assigned_to=${employees.technician}`)).toEqual(['list 1']);
    const first = await stage.get(`/api/v1/work-orders?machine=${machine_id}&limit=2`);
    const second = await stage.get(`/api/v1/work-orders?machine=${machine_id}&limit=2&cursor=${first.body.next}`);
    expect(second.body).toMatchObject({ items: [{ failure_mode: 'list 1', overdue: true }], next: null });
    expect((await stage.get('/api/v1/work-orders', stage.otherToken)).body.items).toEqual([]);
  });
});

test('work can be given to the active employees of the own organization', async () => {
  const { employees, plant, database } = stage;
  await database.execute('update employee set active = false where employee_id = $1', [employees.viewer]);
  const { body } = await stage.get('/api/v1/employees?role=technician');
  expect(body.items).toEqual([
    {
      employee_id: employees.technician,
      name: 'The technician',
      email: 'technician',
      role: 'technician',
      site_id: null,
    },
  ]);
  const all = await stage.get(`/api/v1/employees?site=${plant.site_id}`);
  expect(all.body.items).toHaveLength(6);
  expect(JSON.stringify(all.body)).not.toContain('password');
});
