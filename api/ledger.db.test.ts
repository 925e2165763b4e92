import { beforeAll, describe, expect, test } from 'vitest';
import { createStage, type Stage } from './testing/stage.ts';

let stage: Stage;
let sourceId: number;
const nowMs = Math.floor(Date.now() / 60_000) * 60_000 + 30_000;
const minute = (back: number): string => new Date(nowMs - 30_000 - back * 60_000).toISOString();

beforeAll(async () => {
  stage = await createStage('postgres', { clock: () => nowMs });
  const { database, plant, other } = stage;
  async function addSource(organizationId: number): Promise<number> {
    const [row] = await database.query<{ source_id: number }>(
      `insert into source (organization_id, protocol, name, connected, status) values ($1, 'mqtt', 'line-01', true, '{"note": "fine"}') returning source_id`,
      [organizationId],
    );
    return row?.source_id ?? 0;
  }
  sourceId = await addSource(plant.organization_id);
  const otherSource = await addSource(other.organization_id);
  await database.execute(
    `insert into ledger (organization_id, source_id, minute, received, stored, duplicate, rejected, parked, dropped, lost_upstream) values
       ($1, $2, $3, 600, 590, 4, 3, 2, 1, 5), ($1, $2, $4, 60, 60, 0, 0, 0, 0, 0), ($5, $6, $3, 9, 8, 0, 0, 0, 0, 0)`,
    [plant.organization_id, sourceId, minute(1), minute(2), other.organization_id, otherSource],
  );
  await database.execute(
    `insert into gateway (gateway_id, journal_readings, journal_bytes, reported_at, status) values (1, 42, 1000, to_timestamp($1), '{"status": "running", "batches": 7}')`,
    [nowMs / 1000 - 5],
  );
});

describe('the ledger', () => {
  test('balances, with rows, totals and what is in the journal', async () => {
    const { body } = await stage.get('/api/v1/ledger');
    expect(body).toMatchObject({ balanced: true, differences: [], in_journal: 42, per: 'minute', next: null });
    expect(body.totals).toMatchObject({
      received: 660,
      stored: 650,
      duplicate: 4,
      rejected: 3,
      parked: 2,
      dropped: 1,
      lost_upstream: 5,
    });
    expect(
      body.items.map((item: { received: number; source_name: string }) => [item.source_name, item.received]),
    ).toEqual([
      ['line-01', 600],
      ['line-01', 60],
    ]);
    const hours = await stage.get('/api/v1/ledger?per=hour&from=2026-01-01T00:00:00Z');
    expect(hours.body.items.reduce((sum: number, item: { received: number }) => sum + item.received, 0)).toBe(660);
    const page = await stage.get('/api/v1/ledger?limit=1');
    const rest = await stage.get(`/api/v1/ledger?limit=1&cursor=${page.body.next}`);
    expect(rest.body).toMatchObject({ items: [{ received: 60 }], next: null });
  });

  test('of another organization that lost one says so', async () => {
    const { body } = await stage.get('/api/v1/ledger', stage.otherToken);
    expect(body).toMatchObject({
      balanced: false,
      differences: [{ difference: 1, sentence: expect.stringContaining('1 of 9 readings received from line-01') }],
    });
  });

  test('sources and gateways say how they are', async () => {
    const { body } = await stage.get('/api/v1/sources');
    expect(body).toMatchObject({
      items: [
        {
          name: 'line-01',
          connected: true,
          received_per_second: 10,
          rejected_today: 3,
          lost_upstream_today: 5,
          status: { note: 'fine' },
        },
      ],
      gateways: [{ gateway_id: 1, silent: false, journal_readings: 42 }],
    });
  });
});

describe('rejected readings', () => {
  test('are shown with the reason and their bytes', async () => {
    const { database, plant } = stage;
    const add = (reason: string, payload: Buffer) =>
      database.execute(
        `insert into rejected_reading (organization_id, source_id, received_at, address, reason, detail, payload)
         values ($1, $2, now(), 'a/b', $3, 'it is wrong', $4)`,
        [plant.organization_id, sourceId, reason, payload],
      );
    await add('malformed_payload', Buffer.from('{"value": "ä'));
    await add('too_large', Buffer.from([0xff, 0x00, 0x80]));
    await add('text_too_long', Buffer.from('ä'.repeat(600)));
    const { body } = await stage.get('/api/v1/rejected');
    const by = (reason: string) => body.items.find((item: { reason: string }) => item.reason === reason);
    expect(by('malformed_payload')).toMatchObject({
      payload: '{"value": "ä',
      payload_encoding: 'utf8',
      payload_bytes: 13,
      source_name: 'line-01',
    });
    expect(by('too_large')).toMatchObject({ payload: 'ff0080', payload_encoding: 'hex', payload_bytes: 3 });
    expect(by('text_too_long')).toMatchObject({
      payload: 'ä'.repeat(500),
      payload_encoding: 'utf8',
      payload_bytes: 1200,
    });
    expect((await stage.get('/api/v1/rejected?reason=too_large&resolved=false')).body.items).toHaveLength(1);
    expect((await stage.get('/api/v1/rejected', stage.otherToken)).body.items).toEqual([]);
  });
});

describe('a replay of rejected readings', () => {
  test('is asked for by those who may, for what was kept whole, and rings for ingest', async () => {
    const { database, plant, tokens } = stage;
    const add = async (reason: string, cut: boolean): Promise<number> => {
      const [row] = await database.query<{ id: number }>(
        `insert into rejected_reading (organization_id, source_id, received_at, address, reason, detail, payload, payload_cut)
         values ($1, $2, now(), 'a/b/c/d/e', $3, 'it is wrong', '{}', $4) returning rejected_reading_id as id`,
        [plant.organization_id, sourceId, reason, cut],
      );
      return row?.id ?? 0;
    };
    const [whole, cut] = [await add('unknown_state', false), await add('unknown_state', true)];
    await add('wrong_topic', false);
    expect((await stage.post(`/api/v1/rejected/${whole}/replay`, {}, tokens.operator)).status).toBe(403);
    expect((await stage.post(`/api/v1/rejected/${whole}/replay`, {}, stage.otherToken)).status).toBe(404);
    expect((await stage.post(`/api/v1/rejected/${cut}/replay`, {}, tokens.engineer)).status).toBe(409);
    const asked = await stage.post(`/api/v1/rejected/${whole}/replay`, {}, tokens.engineer);
    expect([asked.status, asked.body]).toEqual([202, { requested: 1 }]);
    await add('unknown_state', false);
    expect((await stage.post('/api/v1/rejected/replay', {}, tokens.engineer)).status).toBe(400);
    const many = await stage.post('/api/v1/rejected/replay', { reason: 'unknown_state' }, tokens.engineer);
    expect(many.body).toEqual({ requested: 2 });
    const [row] = await database.query(
      'select count(*) as asked from rejected_reading where replay_requested_at is not null',
    );
    expect(row).toEqual({ asked: 2 });
  });
});

test('each rejected reading that cannot be replayed says why, in the list and when it is asked for', async () => {
  const { database, plant, tokens } = stage;
  const [source] = await database.query<{ source_id: number }>(
    `insert into source (organization_id, protocol, name) values ($1, 'sparkplug', 'group/edge') returning source_id`,
    [plant.organization_id],
  );
  const nothing = /^$/;
  const rows: [Record<string, unknown>, RegExp][] = [
    [{ reason: 'far_future', value: 1, quality: 192 }, nothing],
    [{ reason: 'far_future', payload: Buffer.from('null'), quality: 0 }, nothing],
    [{ reason: 'before_birth', payload: Buffer.from('"PN-1"'), quality: 192 }, nothing],
    [
      { reason: 'before_birth', payload: Buffer.from([8, 1, 34, 0]), time: null },
      /came as an alias, or with a value that cannot be told/,
    ],
    [{ reason: 'unsupported_type' }, /array or a structure/],
    [{ reason: 'not_a_number', payload: Buffer.from([34, 0, 255]), quality: 192, payload_cut: true }, /kept whole/],
    [{ reason: 'malformed_payload', payload: Buffer.from([]), time: null }, /messages around/],
    [{ reason: 'conflict', value: 1, quality: 192 }, /stays rejected/],
    [{ reason: 'too_old', value: 1, quality: 192, readings: 9 }, /several readings/],
    [{ reason: 'too_old', value: 1, quality: 192, resolved_at: new Date() }, /earlier replay/],
  ];
  for (const [row] of rows) {
    const fields = { readings: 1, payload_cut: false, time: new Date(), ...row };
    const names = Object.keys(fields);
    const [made] = await database.query<{ id: number }>(
      `insert into rejected_reading (organization_id, source_id, received_at, address, detail, ${names.join(', ')})
       values ($1, $2, now(), 'group/edge//x', 'it is wrong', ${names.map((_, index) => `$${index + 3}`).join(', ')})
       returning rejected_reading_id as id`,
      [plant.organization_id, source?.source_id, ...Object.values(fields)],
    );
    row['id'] = made?.id;
  }
  const list = await stage.get(`/api/v1/rejected?source=${source?.source_id}`);
  const items = list.body.items as { rejected_reading_id: number; not_replayable: string | null }[];
  for (const [{ id }, why] of rows) {
    const said = items.find((item) => item.rejected_reading_id === id)?.not_replayable;
    const asked = await stage.post(`/api/v1/rejected/${String(id)}/replay`, {}, tokens.engineer);
    const detail = (asked.body as { detail?: string }).detail ?? '';
    expect(said ?? '').toMatch(why);
    expect(detail).toMatch(why);
    expect(asked.status).toBe(why === nothing ? 202 : 409);
  }
  const all = await stage.post('/api/v1/rejected/replay', { source: source?.source_id }, tokens.engineer);
  expect(all.body).toEqual({ requested: 3 });
});

describe('discovered addresses', () => {
  async function discover(address: string): Promise<number> {
    const [row] = await stage.database.query<{ discovered_address_id: number }>(
      `insert into discovered_address (organization_id, source_id, protocol, address, first_seen_at, last_seen_at, readings, sample)
       values ($1, $2, 'mqtt', $3, now(), now(), 2, '12.5') returning discovered_address_id`,
      [stage.plant.organization_id, sourceId, address],
    );
    await stage.database.execute(
      `insert into parked_reading (organization_id, discovered_address_id, source_id, received_at, time, value, quality) values ($1, $2, $3, now(), now(), 12.5, 192)`,
      [stage.plant.organization_id, row?.discovered_address_id, sourceId],
    );
    return row?.discovered_address_id ?? 0;
  }

  test('become a signal with one request, which tells ingest', async () => {
    const { database, plant, tokens } = stage;
    const id = await discover('millrace/berlin/line-01/m-001/flow');
    expect((await stage.get('/api/v1/discovered')).body.items).toMatchObject([
      { discovered_address_id: id, parked: 1, sample: '12.5', ignored: false },
    ]);
    const ringing = new AbortController();
    const bells: string[] = [];
    const listening = database.listen('plant_changed', (payload) => bells.push(payload), ringing.signal);
    await expect.poll(() => bells.length).toBe(1);
    const body = {
      machine_id: plant.machine_ids[0],
      name: 'flow',
      kind: 'measurement',
      quantity: 'flow',
      unit: 'm3/h',
      limit_high: 20,
    };
    const url = `/api/v1/discovered/${id}/map`;
    expect((await stage.post(url, body, tokens.operator)).status).toBe(403);
    const mapped = await stage.post(url, body, tokens.engineer);
    expect(mapped.status).toBe(201);
    await expect.poll(() => bells.length).toBeGreaterThan(1);
    ringing.abort();
    await listening;
    expect((await stage.get(`/api/v1/signals/${mapped.body.signal_id}`)).body).toMatchObject({
      name: 'flow',
      unit: 'm3/h',
      limit_high: 20,
      sources: [{ protocol: 'mqtt', address: 'millrace/berlin/line-01/m-001/flow' }],
    });
    expect((await stage.get('/api/v1/discovered')).body.items).toEqual([]);
    expect(await stage.post(url, { ...body, name: 'flow-2' })).toMatchObject({
      status: 409,
      body: { detail: 'The address is already mapped to another signal.' },
    });
    expect((await stage.get(`/api/v1/signals?q=flow-2`)).body.items).toEqual([]);
  });

  test('are expected as often as their parked readings came, unless the request says how often', async () => {
    const { database, plant, tokens } = stage;
    const map = async (address: string, body: object): Promise<number> => {
      const id = await discover(`millrace/berlin/line-01/m-001/${address}`);
      await database.execute(
        `insert into parked_reading (organization_id, discovered_address_id, source_id, received_at, time, value, quality)
         select organization_id, discovered_address_id, source_id, now(), now() - n * interval '15.25 s' - case n when 5 then 3 else 0 end * interval '1 s', n, 192
           from discovered_address, generate_series(1, 9) n where discovered_address_id = $1 and address not like '%once'`,
        [id],
      );
      const mapped = await stage.post(
        `/api/v1/discovered/${id}/map`,
        { machine_id: plant.machine_ids[0], name: address, kind: 'measurement', quantity: 'flow', ...body },
        tokens.engineer,
      );
      return (await stage.get(`/api/v1/signals/${mapped.body.signal_id}`)).body.expected_interval_seconds;
    };
    expect(await map('often', {})).toBe(15.25);
    expect(await map('said', { expected_interval_seconds: 15 })).toBe(15);
    expect(await map('once', {})).toBe(1);
  });

  test('are refused for a taken name, a foreign machine and a name that no topic can have', async () => {
    const { plant, other } = stage;
    const id = await discover('millrace/berlin/line-01/m-001/unknown');
    const body = {
      machine_id: plant.machine_ids[0],
      name: 'temperature',
      kind: 'measurement',
      quantity: 'temperature',
    };
    const url = `/api/v1/discovered/${id}/map`;
    expect((await stage.post(url, body)).status).toBe(409);
    expect((await stage.post(url, { ...body, name: 'x', machine_id: other.machine_ids[0] })).status).toBe(404);
    expect(await stage.post(url, { ...body, name: 'a/b' })).toMatchObject({
      status: 400,
      body: { errors: [{ field: 'name', accepted: 'a name of 1 to 64 characters without spaces, "/", "+" or "#"' }] },
    });
    expect((await stage.post(url, { ...body, name: 'x' }, stage.otherToken)).status).toBe(404);
  });

  test('are refused with limits that a plant file would not take either', async () => {
    const id = await discover('millrace/berlin/line-01/m-001/inverted');
    const body = { machine_id: stage.plant.machine_ids[0], name: 'x', kind: 'measurement', quantity: 'flow' };
    const cases: [Record<string, unknown>, { field: string; value: unknown; accepted: string }][] = [
      [
        { limit_low: 9, limit_high: 5 },
        { field: 'limit_high', value: 5, accepted: 'a number above limit_low (9)' },
      ],
      [
        { range_low: 9, range_high: 5 },
        { field: 'range_high', value: 5, accepted: 'a number above range_low (9)' },
      ],
      [
        { kind: 'order', limit_high: 5 },
        { field: 'limit_high', value: 5, accepted: 'nothing, since a signal of kind order has no limits' },
      ],
      [{ kind: 'counter' }, { field: 'quantity', value: 'flow', accepted: 'good, reject or total for a counter' }],
      [
        { machine_id: undefined },
        {
          field: 'machine_id',
          value: null,
          accepted: 'the machine_id of a machine (or signal_id, to map to a signal that is there)',
        },
      ],
    ];
    for (const [wrong, error] of cases) {
      const answer = await stage.post(`/api/v1/discovered/${id}/map`, { ...body, ...wrong }, stage.tokens.engineer);
      expect(answer).toMatchObject({ status: 400, body: { type: '/problems/validation', errors: [error] } });
    }
  });

  test('of a renamed topic are mapped to the signal that is there', async () => {
    const { plant, tokens } = stage;
    const id = await discover('millrace/berlin/line-01/m-001/temp-new');
    const url = `/api/v1/discovered/${id}/map`;
    expect((await stage.post(url, { signal_id: 999_999 }, tokens.engineer)).status).toBe(404);
    expect((await stage.post(url, { signal_id: plant.temperature }, stage.otherToken)).status).toBe(404);
    expect(await stage.post(url, { signal_id: plant.temperature, name: 'x' }, tokens.engineer)).toMatchObject({
      status: 400,
      body: { errors: [{ field: 'name' }] },
    });
    expect(await stage.post(url, { signal_id: plant.temperature }, tokens.engineer)).toMatchObject({
      status: 201,
      body: { signal_id: plant.temperature },
    });
    const signal = await stage.get(`/api/v1/signals/${plant.temperature}`);
    expect(signal.body.sources).toContainEqual(
      expect.objectContaining({ protocol: 'mqtt', address: 'millrace/berlin/line-01/m-001/temp-new' }),
    );
    expect((await stage.get('/api/v1/discovered?q=temp-new')).body.items).toEqual([]);
  });

  test('can be ignored and taken back', async () => {
    const id = await discover('millrace/berlin/line-01/m-001/noise');
    expect((await stage.post(`/api/v1/discovered/${id}/ignore`, {}, stage.tokens.engineer)).status).toBe(204);
    const listed = async (query: string) => (await stage.get(`/api/v1/discovered?${query}&q=noise`)).body.items.length;
    expect([await listed('ignored=false'), await listed('ignored=true')]).toEqual([0, 1]);
    await stage.post(`/api/v1/discovered/${id}/ignore`, { ignored: false }, stage.tokens.engineer);
    expect(await listed('ignored=false')).toBe(1);
  });
});

describe('operation', () => {
  test('health says part by part how it stands', async () => {
    expect(await stage.ask({ url: '/health/live' })).toMatchObject({ status: 200, body: { live: true } });
    const { status, body } = await stage.ask({ url: '/health/ready' });
    expect(status).toBe(200);
    expect(body.ready).toBe(true);
    const part = (name: string) => body.parts.find((candidate: { name: string }) => candidate.name === name);
    expect(part('migrations')).toMatchObject({ ok: true, needed: true });
    expect(part('gateway')).toMatchObject({ ok: true, sentence: 'The last heartbeat of ingest was 5 s ago.' });
    expect(part('feed')).toMatchObject({ ok: false, needed: false, sentence: 'No batch of readings is in the feed.' });
    expect(part('analytics')).toMatchObject({ ok: true, needed: false, sentence: 'There is nothing to take yet.' });
  });

  test('health says how far analytics lags behind the feed', async () => {
    const { database } = stage;
    const analytics = async () => {
      const { status, body } = await stage.ask({ url: '/health/ready' });
      expect(status).toBe(200);
      return body.parts.find((part: { name: string }) => part.name === 'analytics');
    };
    const takenAt = (secondsAgo: number) =>
      database.execute(
        `insert into analytics_cursor (follower, gateway_id, sequence, stored_at) values ('live', 1, 1, to_timestamp($1))
         on conflict (follower, gateway_id) do update set stored_at = excluded.stored_at`,
        [nowMs / 1000 - secondsAgo],
      );
    const storedAt = (secondsAgo: number) =>
      database.execute(
        `insert into reading_batch (gateway_id, sequence, readings, payload, stored_at)
         select gateway_id, last_sequence, 0, '', to_timestamp($1) from gateway
         on conflict (gateway_id, sequence) do update set stored_at = excluded.stored_at`,
        [nowMs / 1000 - secondsAgo],
      );
    await storedAt(0);
    expect(await analytics()).toMatchObject({
      ok: false,
      sentence: 'Analytics has never taken a reading; start analytics.',
    });
    await takenAt(4);
    expect(await analytics()).toMatchObject({
      ok: true,
      needed: false,
      sentence: 'The newest readings that analytics has taken were stored 4 s ago.',
    });
    await takenAt(90);
    expect(await analytics()).toMatchObject({
      ok: false,
      sentence:
        'Analytics lags: the newest readings that it has taken were stored 90 s ago. States, OEE, alarms and orders are as old.',
    });
    // Without newer readings there is nothing that it could have taken.
    await storedAt(89);
    expect(await analytics()).toMatchObject({ ok: true });
    await database.execute('delete from reading_batch');
    await database.execute('delete from analytics_cursor');
  });

  test('health repeats the words of a gateway in trouble and of books that do not balance', async () => {
    const { database, plant } = stage;
    await database.execute(
      `update gateway set status = '{"status": "disk_failing", "message": "The journal cannot be written: ENOSPC."}'`,
    );
    await database.execute(
      `insert into alarm (organization_id, machine_id, kind, priority, state, raised_at, message)
       values ($1, $2, 'ledger', 1, 'unacknowledged', now(), 'The books do not balance: 2 have no end.')`,
      [plant.organization_id, plant.machine_ids[0]],
    );
    const { status, body } = await stage.ask({ url: '/health/ready' });
    await database.execute(`update gateway set status = '{"status": "running", "batches": 7}'`);
    await database.execute("delete from alarm where kind = 'ledger'");
    expect(status).toBe(200);
    expect(body.parts).toContainEqual({
      name: 'gateway',
      ok: false,
      needed: false,
      sentence:
        'The last heartbeat of ingest was 5 s ago. Gateway 1 is disk_failing: The journal cannot be written: ENOSPC.',
    });
    expect(body.parts).toContainEqual({
      name: 'books',
      ok: false,
      needed: false,
      sentence: 'The books do not balance: 2 have no end.',
    });
  });

  test('a database that is newer than the code is not ready', async () => {
    await stage.database.execute(
      "insert into schema_migration (number, name, checksum, engine) values (999999, 'future', '', 'postgres')",
    );
    const { status, body } = await stage.ask({ url: '/health/ready' });
    await stage.database.execute('delete from schema_migration where number = 999999');
    expect(status).toBe(503);
    expect(body.parts.find((part: { name: string }) => part.name === 'migrations').sentence).toContain('999999');
  });

  test('metrics tell of the process, the gateways, the ledger and the requests', async () => {
    const { body, headers } = await stage.ask({ url: '/metrics' });
    expect(headers['content-type']).toBe('text/plain; version=0.0.4; charset=utf-8');
    expect(body).toMatch(/^process_resident_memory_bytes \d+$/m);
    expect(body).toContain('millrace_journal_readings{gateway="1"} 42');
    expect(body).toContain('millrace_gateway_status{gateway="1",name="batches"} 7');
    expect(body).toMatch(
      /^millrace_ledger_readings_total\{organization="millrace",source="line-01",outcome="stored"\} \d+$/m,
    );
    expect(body).toMatch(
      /^millrace_http_request_duration_seconds_bucket\{route="GET \/api\/v1\/ledger",le="\+Inf"\} \d+$/m,
    );
    for (const line of body.trim().split('\n'))
      expect(line).toMatch(/^(# (HELP|TYPE) \w+ .+|\w+(\{\w+="[^"]*"(,\w+="[^"]*")*\})? -?[\d.e+-]+)$/);
  });
});
