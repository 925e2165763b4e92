import { spawn, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeAll, expect, test } from 'vitest';
import { environmentWith } from '../core/settings.ts';
import { createTestDatabase, type TestDatabase } from '../core/testing/database.ts';
import { waitUntil } from '../core/testing/wait-until.ts';

interface Run {
  process: ChildProcess;
  output: string;
  errors: string;
  messages: unknown[];
  code: number | null | undefined;
}

let database: TestDatabase;
const runs: Run[] = [];
beforeAll(async () => {
  database = await createTestDatabase();
});
afterEach(async () => {
  for (const run of runs.splice(0)) {
    if (run.code === undefined) run.process.kill('SIGKILL');
    await waitUntil('the process has ended', () => run.code !== undefined);
  }
});

function start(settings: Record<string, string>): Run {
  const main = fileURLToPath(new URL('./main.ts', import.meta.url));
  const environment = environmentWith({ DATABASE_URL: database.url, HTTP_PORT: '0', LOG_LEVEL: 'info', ...settings });
  const child = spawn(process.execPath, [main], { env: environment, stdio: ['ignore', 'pipe', 'pipe', 'ipc'] });
  const run: Run = { process: child, output: '', errors: '', messages: [], code: undefined };
  child.stdout?.on('data', (chunk) => (run.output += String(chunk)));
  child.stderr?.on('data', (chunk) => (run.errors += String(chunk)));
  child.on('message', (message) => run.messages.push(message));
  child.on('exit', (code) => (run.code = code));
  runs.push(run);
  return run;
}

async function ready(run: Run): Promise<string> {
  const message = await waitUntil(
    'the API is ready',
    () => run.messages[0] as { ready: true; detail: string } | undefined,
    { limitMs: 30_000 },
  );
  expect(message.ready).toBe(true);
  return message.detail;
}

test('starts, lets the administrator in, and ends within a moment of a signal although a stream is open', async () => {
  const run = start({ ADMIN_PASSWORD: 'a good password' });
  const address = await ready(run);
  await waitUntil('the log says so', () => /"room":"api".*"msg":"ready"/.test(run.output));
  const login = await fetch(`${address}/api/v1/login`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ email: 'admin@millrace.local', password: 'a good password' }),
  });
  const { token } = (await login.json()) as { token: string };
  const stream = await fetch(`${address}/api/v1/stream`, { headers: { authorization: `Bearer ${token}` } });
  expect(stream.status).toBe(200);
  run.process.kill('SIGTERM');
  await waitUntil('the process has ended', () => run.code !== undefined, { limitMs: 5000 });
  expect(run.code).toBe(0);
  await stream.body?.cancel().catch(() => undefined);
  expect(run.output).not.toContain('a good password');
});

test('ends when its parent is gone', async () => {
  const run = start({});
  await ready(run);
  run.process.disconnect();
  await waitUntil('the process has ended', () => run.code !== undefined, { limitMs: 9000 });
  expect(run.code).toBe(0);
});

test('what keeps it from starting is one sentence, and exit code 1', async () => {
  const first = start({});
  const { port } = new URL(await ready(first));
  const cases: [Record<string, string>, string][] = [
    [{ HTTP_PORT: port }, `HTTP_PORT ${port} is taken by another program; set HTTP_PORT to a free port.`],
    [{ HTTP_PORT: 'http' }, 'HTTP_PORT is "http"; accepted is a whole number from 0 to 65535 (0: any free port).'],
    [{ DATABASE_URL: '' }, 'DATABASE_URL is not set; accepted is a postgres:// URL.'],
    [
      { DATABASE_URL: 'postgres://a:b@127.0.0.1:1/x' },
      'The database of DATABASE_URL cannot be reached (connect ECONNREFUSED 127.0.0.1:1); check DATABASE_URL and that the server runs.',
    ],
    [
      { DATABASE_URL: database.url.replace(/\/[^/]*$/, '/no_such') },
      'has no such database (database "no_such" does not exist)',
    ],
    [
      { DATABASE_URL: database.url.replace(/\/[^/]*$/, '/postgres') },
      'The database of DATABASE_URL is not migrated (relation',
    ],
  ];
  for (const [settings, sentence] of cases) {
    const run = start(settings);
    await waitUntil(`it ends because of ${JSON.stringify(settings)}`, () => run.code !== undefined, {
      limitMs: 30_000,
    });
    expect([run.code, run.errors.trim().split('\n')]).toEqual([1, [expect.stringContaining(sentence)]]);
  }
});
