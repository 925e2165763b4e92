import { beforeAll, describe, expect, test } from 'vitest';
import { rejectReasons } from '../core/reading.ts';
import { encodeCursor } from './cursor.ts';
import { createStage, type Stage } from './testing/stage.ts';

let stage: Stage;
beforeAll(async () => {
  stage = await createStage();
});

describe('what goes wrong is answered as problem details', () => {
  test('an unknown path', async () => {
    const answer = await stage.ask({ url: '/api/v1/nothing?x=1' });
    expect(answer).toMatchObject({
      status: 404,
      body: {
        type: '/problems/not-found',
        title: 'There is no such thing',
        status: 404,
        detail: 'There is nothing at GET /api/v1/nothing.',
        instance: '/api/v1/nothing',
      },
    });
    expect(answer.headers['content-type']).toBe('application/problem+json; charset=utf-8');
    expect(answer.body.request_id).toMatch(/^\w+-\w+$/);
  });

  test.each([
    ['/api/v1/machines?limit=0', 'limit', '0', 'at least 1'],
    ['/api/v1/machines?limit=1001', 'limit', '1001', 'at most 1000'],
    ['/api/v1/machines?limit=ten', 'limit', 'ten', 'a value of type number'],
    [
      '/api/v1/machines?state=dancing',
      'state',
      'dancing',
      'running, idle, starved, held, setup, down, planned_stop, no_data',
    ],
    ['/api/v1/machines/0', 'id', '0', 'a number above 0'],
    ['/api/v1/signals/', 'id', '', 'a number above 0'],
    ['/api/v1/machines/abc', 'id', 'abc', 'a value of type number'],
    ['/api/v1/oee?from=yesterday', 'from', 'yesterday', 'an RFC 3339 time such as 2026-11-20T06:00:00Z'],
    [
      '/api/v1/oee?from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z',
      'from',
      '2026-01-02T00:00:00Z',
      'a time before `to`',
    ],
    [
      '/api/v1/alarms?from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z',
      'from',
      '2026-01-02T00:00:00Z',
      'a time before `to`',
    ],
    [
      '/api/v1/signals/1/readings?from=2026-01-02T00:00:00Z&to=2026-01-02T00:00:00Z',
      'from',
      '2026-01-02T00:00:00Z',
      'a time before `to`',
    ],
    ['/api/v1/lines?line=7', 'line', '7', 'no name here, but limit, cursor, site'],
    ['/api/v1/oee?level=site&line=1', 'line', '1', 'nothing beside level=site; ask for level=line'],
    ['/api/v1/oee?machine=1', 'machine', '1', 'nothing beside level=line; ask for level=machine'],
    ['/api/v1/rejected?reason=foo', 'reason', 'foo', rejectReasons.join(', ')],
    ['/api/v1/stream?topics=values,gossip', 'topics', 'values,gossip', 'values, states, oee, alarms, work_orders'],
  ])('a wrong value in %s', async (url, field, value, accepted) => {
    const answer = await stage.get(url);
    expect(answer).toMatchObject({
      status: 400,
      body: { type: '/problems/validation', errors: [{ field, value, accepted }] },
    });
    expect(answer.body.detail).toContain(accepted);
  });

  test.each([
    'machines/3000000000',
    'signals/3000000000',
    'signals/1/readings?cursor=WyJiZXJsaW4iXQ',
    'signals?cursor=WzEuNV0',
    'machines?line=3000000000',
    'alarms?from=0000-01-01T00:00:00Z',
    ...['alarms', 'anomalies', 'faults', 'work-orders', 'downtime', 'oee', 'ledger', 'rejected'].map(
      // A name and a number where a time and a number belong.
      (list) => `${list}?cursor=${encodeCursor(list, ['berlin', 7])}`,
    ),
    // A key that this list could have, from another list.
    `alarms?cursor=${encodeCursor('faults', ['2026-11-20 06:00:00.5+00', 7])}`,
  ])('a number, a time or a cursor that no row can have: %s', async (path) => {
    expect(await stage.get(`/api/v1/${path}`)).toMatchObject({
      status: 400,
      body: { type: '/problems/validation', errors: [{ value: expect.anything() }] },
    });
  });

  test('a number that only the database knows to be too large, inside of a cursor', async () => {
    const cursor = encodeCursor('signals', [3_000_000_000]);
    expect(await stage.get(`/api/v1/signals?cursor=${cursor}`)).toMatchObject({
      status: 400,
      body: { type: '/problems/malformed' },
    });
  });

  test('the same in a body', async () => {
    const { machine_ids } = stage.plant;
    const report = (more: object) =>
      stage.post('/api/v1/work-orders', { machine_id: machine_ids[0], title: 'It is loud', ...more });
    const refused = (field: string) => ({ status: 400, body: { type: '/problems/validation', errors: [{ field }] } });
    expect(await report({ machine_id: 3_000_000_000 })).toMatchObject(refused('machine_id'));
    expect(await report({ due_at: '0000-06-01T00:00:00Z' })).toMatchObject(refused('due_at'));
  });

  test('an alarm, an order or a message may have a number above that of a machine', async () => {
    expect(await stage.get('/api/v1/work-orders/3000000000')).toMatchObject({ status: 404 });
    for (const path of ['alarms/3000000000/acknowledge', 'rejected/3000000000/replay']) {
      expect(await stage.post(`/api/v1/${path}`, {}), path).toMatchObject({ status: 404 });
    }
  });

  test.each([
    ['rejected/replay', {}, '', 'a reason, a source, or both'],
    ['rejected/replay', { reason: 'nope' }, 'reason', rejectReasons.join(', ')],
    ['login', { email: 'a@b.c', pasword: 'x' }, 'pasword', 'no name here, but email, password, organization'],
    ['alarms/1/acknowledge', { comment: 'seen' }, 'comment', 'no name here, but note'],
    ['discovered/1/map', { signal_id: 1, nmae: 'x' }, 'nmae', expect.stringMatching(/^no name here, but signal_id,/)],
  ])('a wrong body of %s: %j', async (path, body, field, accepted) => {
    const answer = await stage.post(`/api/v1/${path}`, body);
    expect(answer).toMatchObject({ status: 400, body: { type: '/problems/validation' } });
    expect(answer.body.errors).toContainEqual(expect.objectContaining({ field, accepted }));
  });

  test('a time may be written with a small t and z', async () => {
    const range = 'from=2026-01-01t00:00:00z&to=2026-01-02t00:00:00.5%2b01:00';
    for (const list of ['alarms', 'ledger', 'signals/1/readings'])
      expect(await stage.get(`/api/v1/${list}?${range}`), list).toMatchObject({ status: 200 });
    expect((await stage.get(`/api/v1/downtime?${range}`)).body).toMatchObject({
      from: '2026-01-01T00:00:00Z',
      to: '2026-01-01T23:00:00.500Z',
    });
  });

  test('a method that a path does not have', async () => {
    const answer = await stage.ask({ method: 'DELETE', url: '/api/v1/work-orders?x=1' });
    expect(answer).toMatchObject({ status: 405, body: { type: '/problems/wrong-method' } });
    expect(answer.headers['allow']).toBe('GET, HEAD, POST');
    expect((await stage.ask({ method: 'POST', url: '/api/v1/signals/7/readings' })).headers['allow']).toBe('GET, HEAD');
    expect((await stage.ask({ method: 'POST', url: '/api/v1/signals/7/nothing' })).status).toBe(404);
  });

  test('a missing login, and a wrong one, with how to log in', async () => {
    const login = { method: 'POST', url: '/api/v1/login', payload: { email: 'a@b.c', password: 'wrong' } } as const;
    for (const request of [{ url: '/api/v1/machines' }, login]) {
      const { status, headers } = await stage.ask(request);
      expect({ status, challenge: headers['www-authenticate'] }).toEqual({
        status: 401,
        challenge: 'Bearer realm="millrace"',
      });
    }
  });

  test.each(['machines?q=%00', 'signals?q=a%00b', 'discovered?q=%00'])('a text with U+0000: %s', async (path) => {
    expect(await stage.get(`/api/v1/${path}`)).toMatchObject({
      status: 400,
      body: { type: '/problems/validation', errors: [{ field: 'q', accepted: 'a text without U+0000' }] },
    });
  });

  test('a text with U+0000 in a body, and inside of a cursor', async () => {
    const login = await stage.post('/api/v1/login', { email: 'engineer@millrace.local', password: 'a\u0000bcdefgh' });
    expect(login).toMatchObject({ status: 400, body: { errors: [{ field: 'password' }] } });
    const cursor = encodeCursor('sites', ['\u0000']);
    expect(await stage.get(`/api/v1/sites?cursor=${cursor}`)).toMatchObject({
      status: 400,
      body: { type: '/problems/malformed' },
    });
  });

  test('a body that is too large, no JSON, or not JSON at all', async () => {
    const url = '/api/v1/work-orders';
    const headers = { authorization: `Bearer ${stage.tokens.planner}` };
    const large = await stage.post(url, { title: 'x'.repeat(300_000) });
    expect(large).toMatchObject({ status: 413, body: { type: '/problems/too-large' } });
    const broken = await stage.ask({
      method: 'POST',
      url,
      headers: { ...headers, 'content-type': 'application/json' },
      payload: '{"title":',
    });
    expect(broken).toMatchObject({ status: 400, body: { type: '/problems/malformed' } });
    for (const type of ['text/plain', 'application/x-www-form-urlencoded']) {
      const plain = await stage.ask({
        method: 'POST',
        url,
        headers: { ...headers, 'content-type': type },
        payload: 'title=x',
      });
      expect(plain, type).toMatchObject({ status: 415, body: { type: '/problems/media-type' } });
    }
  });

  test('a failure of our own, without its insides', async () => {
    await stage.database.execute('alter table maintenance_plan rename to maintenance_plan_gone');
    const answer = await stage.get('/api/v1/maintenance-plans');
    await stage.database.execute('alter table maintenance_plan_gone rename to maintenance_plan');
    expect(answer).toMatchObject({
      status: 500,
      body: { type: '/problems/internal', detail: 'This failure was logged under the request id.' },
    });
    expect(JSON.stringify(answer.body)).not.toMatch(/maintenance_plan_gone|relation|select/);
    expect((await stage.get('/api/v1/maintenance-plans')).status).toBe(200);
  });
});

describe('every answer', () => {
  test('carries the security headers', async () => {
    for (const url of ['/health/live', '/api/v1/nothing', '/api/v1/machines']) {
      const { headers } = await stage.ask({ url });
      expect(headers['x-content-type-options'], url).toBe('nosniff');
      expect(headers['content-security-policy'], url).toContain("frame-ancestors 'none'");
      expect(headers['content-security-policy'], url).not.toContain('unsafe');
    }
  });
});

describe('the database', () => {
  test('is never asked as the owner for what belongs to an organization', async () => {
    const urls = [
      'sites',
      'machines',
      'signals',
      'oee',
      'downtime',
      'alarms',
      'faults',
      'work-orders',
      'ledger',
      'sources',
    ];
    const ask = () => Promise.all(urls.map(async (url) => (await stage.get(`/api/v1/${url}`)).status));
    await stage.database.execute('revoke select on site, source, organization from millrace_api');
    const without = await ask();
    await stage.database.execute('grant select on site, source, organization to millrace_api');
    expect(without).toEqual(urls.map(() => 500));
    expect(await ask()).toEqual(urls.map(() => 200));
  });
});
