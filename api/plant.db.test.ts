import { beforeAll, describe, expect, test } from 'vitest';
import { testEngines } from '../core/testing/database.ts';
import { createStage, type Stage } from './testing/stage.ts';

describe.each(testEngines())('the plant over HTTP on %s', (engine) => {
  let stage: Stage;
  beforeAll(async () => {
    stage = await createStage(engine);
    const { database, plant } = stage;
    await database.execute(
      `insert into latest_value (signal_id, time, value, quality, received_at) values
         ($1, '2026-11-20T06:00:00.123456Z', 71.25, 192, '2026-11-20T06:00:01Z'), ($2, '2026-11-20T06:00:00Z', 'NaN', 0, '2026-11-20T06:00:01Z')`,
      [plant.temperature, plant.pressure],
    );
    const [text] = await database.query<{ text_value_id: number }>(
      `insert into text_value (organization_id, text) values ($1, 'P-100') returning text_value_id`,
      [plant.organization_id],
    );
    await database.execute(
      `insert into latest_value (signal_id, time, value, quality, received_at) values ($1, '2026-11-20T05:00:00Z', $2, 192, '2026-11-20T05:00:01Z')`,
      [plant.order, text?.text_value_id],
    );
    await database.execute(
      `insert into machine_state (organization_id, machine_id, started_at, ended_at, state, packml_state) values
         ($1, $2, '2026-11-20T05:00:00Z', '2026-11-20T05:30:00Z', 'idle', 4), ($1, $2, '2026-11-20T05:30:00Z', null, 'running', 6)`,
      [plant.organization_id, plant.machine_ids[0]],
    );
  });

  test('sites, lines and machines are listed with what they hold', async () => {
    const { plant } = stage;
    const sites = await stage.get('/api/v1/sites');
    expect(sites).toMatchObject({
      status: 200,
      body: { items: [{ name: 'berlin', time_zone: 'Europe/Berlin', lines: 2, machines: 3 }], next: null },
    });
    const lines = await stage.get('/api/v1/lines');
    expect(lines.body.items).toMatchObject([
      { name: 'line-01', machines: 2, constraint_machine_id: plant.machine_ids[0] },
      { name: 'line-02', machines: 1, constraint_machine_id: null },
    ]);
    const machines = await stage.get('/api/v1/machines?state=running');
    expect(machines.body.items).toMatchObject([
      {
        machine_name: 'm-001',
        state: { state: 'running', since: '2026-11-20T05:30:00Z', packml_state: 6 },
        open_alarms: 0,
      },
    ]);
    const ofLine = await stage.get(`/api/v1/machines?line=${plant.line_ids[1]}`);
    expect(ofLine.body.items).toMatchObject([{ machine_name: 'm-003', state: null }]);
  });

  test('pages follow each other without a gap or a repetition', async () => {
    const names: string[] = [];
    let url: string | null = '/api/v1/machines?limit=1';
    while (url !== null) {
      const page = await stage.get(url);
      expect(page.status).toBe(200);
      expect(page.body.items).toHaveLength(1);
      names.push(page.body.items[0].machine_name);
      url = page.body.next === null ? null : `/api/v1/machines?limit=1&cursor=${page.body.next}`;
    }
    expect(names).toEqual(['m-001', 'm-002', 'm-003']);
    const signalIds: number[] = [];
    url = '/api/v1/signals?limit=2';
    while (url !== null) {
      const page = await stage.get(url);
      signalIds.push(...page.body.items.map((item: { signal_id: number }) => item.signal_id));
      url = page.body.next === null ? null : `/api/v1/signals?limit=2&cursor=${page.body.next}`;
    }
    expect(signalIds).toEqual([
      stage.plant.temperature,
      stage.plant.state,
      stage.plant.good,
      stage.plant.order,
      stage.plant.pressure,
    ]);
  });

  test('a foreign cursor is refused with the field and what is accepted', async () => {
    for (const cursor of [
      'nonsense',
      Buffer.from('[1,2]').toString('base64url'),
      Buffer.from('{}').toString('base64url'),
    ]) {
      const answer = await stage.get(`/api/v1/machines?cursor=${cursor}`);
      expect(answer).toMatchObject({
        status: 400,
        body: { type: '/problems/validation', errors: [{ field: 'cursor' }] },
      });
    }
  });

  test('signals carry their newest reading, to the microsecond, with its quality and text', async () => {
    const { plant } = stage;
    const one = await stage.get(`/api/v1/signals/${plant.temperature}`);
    expect(one).toMatchObject({
      status: 200,
      body: {
        name: 'temperature',
        unit: 'Cel',
        limit_high: 80,
        latest: {
          time: '2026-11-20T06:00:00.123456Z',
          value: 71.25,
          text: null,
          quality: 'good',
          received_at: '2026-11-20T06:00:01Z',
        },
        sources: [{ protocol: 'mqtt', server: '', address: 'millrace/berlin/line-01/m-001/temperature' }],
      },
    });
    const bad = await stage.get(`/api/v1/signals/${plant.pressure}`);
    expect(bad.body.latest).toMatchObject({ value: null, quality: 'bad' });
    const order = await stage.get(`/api/v1/signals?kind=order`);
    expect(order.body.items).toMatchObject([{ signal_id: plant.order, latest: { text: 'P-100' } }]);
    const never = await stage.get('/api/v1/signals?never=true');
    expect(never.body.items.map((item: { name: string }) => item.name)).toEqual(['state', 'good']);
    const found = await stage.get('/api/v1/signals?q=M-003');
    expect(found.body.items).toMatchObject([{ name: 'pressure' }]);
  });

  test('one machine with all its page needs', async () => {
    const answer = await stage.get(`/api/v1/machines/${stage.plant.machine_ids[0]}`);
    expect(answer).toMatchObject({
      status: 200,
      body: {
        machine_name: 'm-001',
        product_code: 'P-100',
        time_zone: 'Europe/Berlin',
        oee: null,
        alarms: [],
        work_orders: [],
      },
    });
    expect(answer.body.signals.map((signal: { name: string }) => signal.name)).toEqual([
      'temperature',
      'state',
      'good',
      'order',
    ]);
    expect((await stage.get('/api/v1/machines/999999')).status).toBe(404);
  });

  test('another organization sees its own plant and nothing of this one', async () => {
    const { plant, other, otherToken } = stage;
    const machines = await stage.get('/api/v1/machines', otherToken);
    expect(machines.body.items.map((item: { machine_id: number }) => item.machine_id)).toEqual(other.machine_ids);
    for (const url of [
      `/api/v1/machines/${plant.machine_ids[0]}`,
      `/api/v1/signals/${plant.temperature}`,
      `/api/v1/signals/${plant.temperature}/readings`,
      `/api/v1/signals/${plant.temperature}/series`,
    ]) {
      expect(await stage.get(url, otherToken), url).toMatchObject({
        status: 404,
        body: { type: '/problems/not-found' },
      });
    }
    expect((await stage.get(`/api/v1/signals?machine=${plant.machine_ids[0]}`, otherToken)).body.items).toEqual([]);
  });

  test('every list answers and keeps to its own schema', async () => {
    const urls = [
      'sites',
      'lines',
      'machines',
      'signals',
      'oee',
      'oee/live',
      'downtime',
      'alarms',
      'anomalies',
      'faults',
      'reliability',
    ];
    urls.push('work-orders', 'maintenance-plans', 'ledger', 'ledger/gaps', 'rejected', 'sources', 'discovered', 'me');
    for (const url of urls) expect((await stage.get(`/api/v1/${url}`)).status, url).toBe(200);
  });
});
