import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { now, toTimestamp } from '../core/clock.ts';
import { createStage, type Stage } from './testing/stage.ts';

let stage: Stage;
beforeAll(async () => {
  stage = await createStage();
});

let active: number;
let returned: number;
beforeEach(async () => {
  const { database, plant } = stage;
  await database.execute('delete from alarm');
  const rows = await database.query<{ alarm_id: number }>(
    `insert into alarm (organization_id, machine_id, signal_id, kind, priority, state, raised_at, returned_at, limit_value, value, message) values
       ($1, $2, $3, 'limit_high', 2, 'unacknowledged', '2026-11-20T06:00:00Z', null, 80, 81.5, 'above 80'),
       ($1, $2, $3, 'anomaly', 3, 'returned_unacknowledged', '2026-11-20T05:00:00Z', '2026-11-20T05:10:00Z', null, null, 'unusual'),
       ($1, $2, null, 'fault_code', 1, 'normal', '2026-11-20T04:00:00Z', '2026-11-20T04:10:00Z', null, null, 'code 17')
     returning alarm_id`,
    [plant.organization_id, plant.machine_ids[0], plant.temperature],
  );
  active = rows[0]?.alarm_id ?? 0;
  returned = rows[1]?.alarm_id ?? 0;
});

describe('alarms', () => {
  test('are listed newest first, with their place and values', async () => {
    const { body } = await stage.get('/api/v1/alarms');
    expect(body.items.map((item: { kind: string }) => item.kind)).toEqual(['limit_high', 'anomaly', 'fault_code']);
    expect(body.items[0]).toMatchObject({
      machine_name: 'm-001',
      line_name: 'line-01',
      signal_name: 'temperature',
      unit: 'Cel',
      limit_value: 80,
      value: 81.5,
      active: true,
    });
    expect(body.items[2]).toMatchObject({ signal_id: null, signal_name: null, active: false });
    const open = await stage.get('/api/v1/alarms?open=true&priority=3');
    expect(open.body.items).toMatchObject([{ kind: 'anomaly' }]);
    expect(
      (await stage.get('/api/v1/alarms?from=2026-11-20T04:30:00Z&to=2026-11-20T05:30:00Z')).body.items,
    ).toHaveLength(1);
    expect((await stage.get('/api/v1/alarms', stage.otherToken)).body.items).toEqual([]);
  });

  test('are acknowledged once, by somebody who may, into the state their condition asks for', async () => {
    const acknowledge = (id: number, token: string, note = '') =>
      stage.post(`/api/v1/alarms/${id}/acknowledge`, { note }, token);
    expect((await acknowledge(active, stage.tokens.viewer)).status).toBe(403);
    expect(await acknowledge(active, stage.tokens.operator, 'On my way')).toMatchObject({
      status: 200,
      body: { state: 'acknowledged', acknowledged_by: 'The operator', note: 'On my way' },
    });
    expect(await acknowledge(active, stage.tokens.operator)).toMatchObject({ status: 409 });
    expect((await acknowledge(returned, stage.tokens.operator)).body).toMatchObject({ state: 'normal' });
    expect((await acknowledge(active, stage.otherToken)).status).toBe(404);
  });

  test('can be acknowledged without a body', async () => {
    const answer = await stage.ask({
      method: 'POST',
      url: `/api/v1/alarms/${active}/acknowledge`,
      headers: { authorization: `Bearer ${stage.tokens.operator}` },
    });
    expect(answer.status).toBe(200);
  });

  test('are shelved for a limited time, with a reason', async () => {
    const shelve = (until: string, reason = 'Sensor is being changed', token = stage.tokens.supervisor) =>
      stage.post(`/api/v1/alarms/${active}/shelve`, { until, reason }, token);
    const inAnHour = toTimestamp(now() + 3_600_000);
    expect((await shelve(inAnHour, 'Sensor is being changed', stage.tokens.operator)).status).toBe(403);
    expect((await shelve(toTimestamp(now() - 1000))).status).toBe(400);
    expect((await shelve(toTimestamp(now() + 8 * 86_400_000))).body.errors).toMatchObject([{ field: 'until' }]);
    expect((await shelve(inAnHour, '')).status).toBe(400);
    expect(await shelve(inAnHour)).toMatchObject({
      status: 200,
      body: { state: 'shelved', note: 'Sensor is being changed' },
    });
    expect((await stage.get('/api/v1/alarms?open=true')).body.items).toMatchObject([{ kind: 'anomaly' }]);
  });

  test('are not acknowledged by being shelved', async () => {
    const { database, plant, employees } = stage;
    const [fresh] = await database.query<{ alarm_id: number }>(
      `insert into alarm (organization_id, machine_id, kind, priority, state, raised_at, message)
       values ($1, $2, 'stale', 3, 'unacknowledged', now(), 'Silence') returning alarm_id`,
      [plant.organization_id, plant.machine_ids[0]],
    );
    const until = toTimestamp(now() + 3_600_000);
    const reason = 'Cable is being laid';
    const url = `/api/v1/alarms/${fresh?.alarm_id}/shelve`;
    expect((await stage.post(url, { until, reason }, stage.tokens.supervisor)).body).toMatchObject({
      state: 'shelved',
      shelved_by: 'The supervisor',
      acknowledged_by: null,
      acknowledged_at: null,
    });
    expect(
      await database.query('select acknowledged_at, shelved_by from alarm where alarm_id = $1', [fresh?.alarm_id]),
    ).toEqual([{ acknowledged_at: null, shelved_by: employees.supervisor }]);
    await database.query('delete from alarm where alarm_id = $1', [fresh?.alarm_id]);
  });

  test('say how often they came in a day', async () => {
    const { database, plant } = stage;
    for (const [hour, value] of [
      [0, 7],
      [1, 7],
      [2, 8],
      [24, 7],
      [30, 7],
    ]) {
      await database.query(
        `insert into alarm (organization_id, machine_id, kind, priority, state, raised_at, returned_at, value, message)
         values ($1, $2, 'fault_code', 2, 'normal', timestamptz '2026-01-01' + $3 * interval '1 hour', now(), $4, 'Code')`,
        [plant.organization_id, plant.machine_ids[1], hour, value],
      );
    }
    const { items } = (await stage.get(`/api/v1/alarms?machine=${plant.machine_ids[1]}&kind=fault_code`)).body;
    expect(items.map((item: { occurrences: number }) => item.occurrences)).toEqual([2, 3, 1, 2, 1]);
    await database.query(`delete from alarm where kind = 'fault_code'`);
  });
});

describe('what analytics found', () => {
  test('anomalies, faults and reliability are listed with their place', async () => {
    const { database, plant } = stage;
    const own = [plant.organization_id, plant.machine_ids[0]];
    await database.execute(
      `insert into anomaly (organization_id, machine_id, signal_id, started_at, peak_score, value, expected_value, detector)
       values ($1, $2, $3, '2026-11-20T05:00:00Z', 0.9, 75, 70, 'ewma')`,
      [...own, plant.temperature],
    );
    const [fault] = await database.query<{ fault_id: number }>(
      `insert into fault (organization_id, machine_id, failure_mode, started_at, confidence, severity, alarm_ids, evidence)
       values ($1, $2, 'bearing', '2026-11-20T05:00:00Z', 0.8, 2, '{1,2}', '{"why": "vibration"}') returning fault_id`,
      own,
    );
    await database.execute(
      `insert into work_order (organization_id, machine_id, failure_mode, fault_id, title, priority) values ($1, $2, 'bearing', $3, 'Bearing', 2)`,
      [...own, fault?.fault_id],
    );
    await database.execute(
      `insert into reliability (organization_id, machine_id, window_days, window_start, window_end, operating_seconds, down_seconds, no_data_seconds,
                                failures, repairs, mtbf_operating_lower_seconds)
       values ($1, $2, 30, '2026-10-21T00:00:00Z', '2026-11-20T00:00:00Z', 1000, 0, 0, 0, 0, 333.8)`,
      own,
    );
    expect((await stage.get('/api/v1/anomalies?open=true')).body.items).toMatchObject([
      { signal_name: 'temperature', peak_score: 0.9, ended_at: null, machine_name: 'm-001' },
    ]);
    expect((await stage.get('/api/v1/faults?open=true')).body.items).toMatchObject([
      { failure_mode: 'bearing', alarm_ids: [1, 2], evidence: { why: 'vibration' }, work_order_id: expect.any(Number) },
    ]);
    expect((await stage.get('/api/v1/reliability')).body.items).toMatchObject([
      { mtbf_operating_seconds: null, mtbf_operating_lower_seconds: 333.8, failures: 0 },
    ]);
    const machine = await stage.get(`/api/v1/machines/${plant.machine_ids[0]}`);
    expect(machine.body).toMatchObject({
      open_alarms: 2,
      highest_priority: 2,
      open_work_orders: 1,
      faults: [{ failure_mode: 'bearing' }],
      work_orders: [{ title: 'Bearing' }],
      reliability: [{ window_days: 30 }],
    });
    for (const url of ['anomalies', 'faults', 'reliability'])
      expect((await stage.get(`/api/v1/${url}`, stage.otherToken)).body.items, url).toEqual([]);
  });
});
