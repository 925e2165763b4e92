import { beforeAll, describe, expect, test } from 'vitest';
import { monotonic, now } from '../core/clock.ts';
import { silentLog } from '../core/log.ts';
import { readSettings } from '../core/settings.ts';
import { ensureAdministrator } from './auth/administrator.ts';
import { hashToken } from './auth/session.ts';
import { createStage, type Answer, type Stage } from './testing/stage.ts';

let stage: Stage;
const skewMs = { value: 0 };
const email = 'admin@millrace.local';
const password = 'a good password';

beforeAll(async () => {
  stage = await createStage('postgres', {
    clock: () => now() + skewMs.value,
    environment: { TRUST_PROXY: '10.0.0.1, 10.1.0.0/16' },
  });
  await ensureAdministrator(stage.database, readSettings({ ADMIN_PASSWORD: password }), silentLog);
});

function login(body: unknown, headers: Record<string, string> = {}, remoteAddress = '127.0.0.1'): Promise<Answer> {
  return stage.ask({ method: 'POST', url: '/api/v1/login', payload: body as object, headers, remoteAddress });
}

function cookieOf(answer: Answer): string {
  return String(answer.headers['set-cookie']).split(';', 1)[0] ?? '';
}

describe('logging in', () => {
  test('gives a token and a cookie that scripts cannot read, and both open the API', async () => {
    const answer = await login({ email: 'Admin@Millrace.local', password });
    expect(answer.status).toBe(200);
    const cookie = String(answer.headers['set-cookie']);
    expect(cookie).toMatch(/^millrace_session=[\w-]{43}; .*Path=\/; HttpOnly; SameSite=Lax$/);
    const me = { email, role: 'administrator', organization_name: 'millrace' };
    expect(await stage.get('/api/v1/me', answer.body.token)).toMatchObject({ status: 200, body: me });
    const byCookie = await stage.ask({ url: '/api/v1/me', headers: { cookie: cookieOf(answer) } });
    expect(byCookie).toMatchObject({ status: 200, body: me });
  });

  test('keeps only a hash of the token', async () => {
    const { body } = await login({ email, password });
    const [row] = await stage.database.query('select * from session where token_hash = $1', [hashToken(body.token)]);
    expect(JSON.stringify(row)).not.toContain(body.token);
    expect(row).toBeDefined();
  });

  test('behind an encrypting proxy marks the cookie as secure', async () => {
    const forwarded = { 'x-forwarded-proto': 'https' };
    const cookie = async (from: string) =>
      String((await login({ email, password }, forwarded, from)).headers['set-cookie']);
    expect(await cookie('10.1.2.3')).toContain('Secure');
    expect(await cookie('10.2.0.1')).not.toContain('Secure');
  });

  test('says the same for a wrong password, an unknown address and an employee without a password', async () => {
    const wrongAt = monotonic();
    const wrong = await login({ email, password: 'wrong' });
    const unknownAt = monotonic();
    const unknown = await login({ email: 'nobody@millrace.local', password });
    // The same work for both, give or take what else the machine does; without it the answer would come in milliseconds.
    expect(monotonic() - unknownAt).toBeGreaterThan((unknownAt - wrongAt) / 10);
    const without = await login({ email: 'viewer', password });
    expect(wrong).toMatchObject({
      status: 401,
      body: {
        type: '/problems/not-logged-in',
        detail: expect.stringMatching(/^E-mail address or password is wrong; .*organization/),
      },
    });
    for (const other of [unknown, without]) {
      expect({ ...other.body, request_id: '' }).toEqual({ ...wrong.body, request_id: '' });
    }
  });

  test('an address of several organizations means the own one, and needs to say which when it is none of them', async () => {
    const others = ['other', 'third'];
    for (const enterprise of others) {
      const settings = readSettings({ ADMIN_PASSWORD: password, ADMIN_EMAIL: 'a@b.example', ENTERPRISE: enterprise });
      await ensureAdministrator(stage.database, settings, silentLog);
      await ensureAdministrator(stage.database, { ...settings, ADMIN_EMAIL: email }, silentLog);
    }
    const nameOf = async (body: object): Promise<string> =>
      (await stage.get('/api/v1/me', (await login(body)).body.token)).body.organization_name;
    expect(await nameOf({ email, password })).toBe('millrace');
    expect(await nameOf({ email, password, organization: 'other' })).toBe('other');
    expect((await login({ email: 'a@b.example', password })).status).toBe(401);
    expect(await nameOf({ email: 'a@b.example', password, organization: 'third' })).toBe('third');
  });

  test('is stopped after ten failures, told for how long, and let go on later', async () => {
    const body = { email: 'planner', password: 'wrong' };
    for (let attempt = 0; attempt < 10; attempt++) expect((await login(body)).status).toBe(401);
    const stopped = await login(body);
    expect(stopped).toMatchObject({ status: 429, body: { type: '/problems/too-many-attempts' } });
    expect(Number(stopped.headers['retry-after'])).toBeGreaterThan(800);
    expect((await login({ email, password, organization: 'millrace' })).status).toBe(200);
    skewMs.value = 16 * 60_000;
    expect((await login(body)).status).toBe(401);
    skewMs.value = 0;
  });
});

describe('behind a proxy', () => {
  const proxy = '10.0.0.1';
  const from = (client: string) => ({ 'x-forwarded-for': client });

  test('one client cannot lock another one out', async () => {
    const wrong = { email: 'engineer', password: 'wrong' };
    for (let attempt = 0; attempt < 10; attempt++) await login(wrong, from('192.0.2.1'), proxy);
    expect((await login(wrong, from('192.0.2.1'), proxy)).status).toBe(429);
    expect((await login(wrong, from('192.0.2.2'), proxy)).status).toBe(401);
  });

  test('who is not the proxy cannot say that it is somebody else, and nobody can put a name before the own one', async () => {
    const wrong = { email: 'technician', password: 'wrong' };
    for (let attempt = 0; attempt < 10; attempt++) await login(wrong, from(`192.0.2.${attempt}`), '203.0.113.9');
    expect((await login(wrong, from('192.0.2.77'), '203.0.113.9')).status).toBe(429);
    expect((await login(wrong, from('192.0.2.78, 203.0.113.9'), proxy)).status).toBe(429);
  });
});

describe('a session', () => {
  async function open(): Promise<Answer> {
    return login({ email, password, organization: 'millrace' });
  }

  test('ends with logout, for cookie and token alike', async () => {
    const answer = await open();
    const logout = await stage.ask({
      method: 'POST',
      url: '/api/v1/logout',
      headers: { authorization: `Bearer ${answer.body.token}` },
    });
    expect(logout.status).toBe(204);
    expect(String(logout.headers['set-cookie'])).toContain('Max-Age=0');
    expect(await stage.get('/api/v1/me', answer.body.token)).toMatchObject({
      status: 401,
      body: { detail: 'The session has ended; log in again.' },
    });
  });

  test('ends when its time has passed or the employee is no longer active', async () => {
    const { body } = await open();
    await stage.database.execute("update session set expires_at = now() - interval '1 s' where token_hash = $1", [
      hashToken(body.token),
    ]);
    expect((await stage.get('/api/v1/me', body.token)).status).toBe(401);
    await stage.database.execute('update employee set active = false where employee_id = $1', [
      stage.employees.supervisor,
    ]);
    expect((await stage.get('/api/v1/me', stage.tokens.supervisor)).status).toBe(401);
  });

  test('does not stay in the database for ever: whoever logs in next removes what has expired', async () => {
    const { supervisor } = stage.employees;
    await stage.database.execute("update session set expires_at = now() - interval '1 s' where employee_id = $1", [
      supervisor,
    ]);
    await open();
    const left = 'select 1 from session where employee_id = $1';
    expect(await stage.database.query(left, [supervisor])).toEqual([]);
  });

  test('is needed everywhere under /api/v1', async () => {
    for (const url of ['/api/v1/machines', '/api/v1/stream', '/api/v1/ledger']) {
      expect(await stage.ask({ url }), url).toMatchObject({ status: 401, body: { type: '/problems/not-logged-in' } });
    }
    expect((await stage.get('/api/v1/machines', 'x'.repeat(43))).status).toBe(401);
  });

  test('by cookie changes things only from our own page', async () => {
    const cookie = cookieOf(await open());
    const logout = (headers: Record<string, string>) =>
      stage.ask({
        method: 'POST',
        url: '/api/v1/alarms/1/acknowledge',
        headers: { cookie, host: 'plant.example', ...headers },
      });
    for (const headers of [
      { 'sec-fetch-site': 'cross-site' },
      { 'sec-fetch-site': 'same-site' },
      { origin: 'https://evil.example' },
      { origin: 'null' },
      {},
    ]) {
      expect(await logout(headers as Record<string, string>), JSON.stringify(headers)).toMatchObject({
        status: 403,
        body: { type: '/problems/cross-origin' },
      });
    }
    for (const headers of [{ 'sec-fetch-site': 'same-origin' }, { origin: 'https://plant.example' }]) {
      expect(await logout(headers as Record<string, string>), JSON.stringify(headers)).toMatchObject({ status: 404 });
    }
  });

  test('of another site cannot be opened in a browser', async () => {
    expect((await login({ email, password }, { 'sec-fetch-site': 'cross-site' })).status).toBe(403);
  });
});

describe('the administrator of the settings', () => {
  test('keeps the sessions when the password stays, loses them when it changes, and is left alone without one', async () => {
    const { body } = await login({ email, password, organization: 'millrace' });
    await ensureAdministrator(stage.database, readSettings({ ADMIN_PASSWORD: password }), silentLog);
    await ensureAdministrator(stage.database, readSettings({}), silentLog);
    expect((await stage.get('/api/v1/me', body.token)).status).toBe(200);
    await ensureAdministrator(stage.database, readSettings({ ADMIN_PASSWORD: 'another password' }), silentLog);
    expect((await stage.get('/api/v1/me', body.token)).status).toBe(401);
    expect((await login({ email, password: 'another password', organization: 'millrace' })).status).toBe(200);
  });
});
