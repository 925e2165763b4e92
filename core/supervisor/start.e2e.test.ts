import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { existsSync, globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, describe, expect, test } from 'vitest';
import { freePort } from '../embedded/postgres.ts';
import { environmentWith } from '../settings.ts';
import { waitUntil } from '../testing/wait-until.ts';

const root = join(import.meta.dirname, '../..');
const started: { child: ChildProcess; dataDir: string }[] = [];

interface Started {
  child: ChildProcess;
  said: () => string;
  ended: Promise<{ code: number | null; seconds: number }>;
}

function npmStart(dataDir: string, environment: Record<string, string>): Started {
  const child = spawn(process.execPath, ['core/supervisor/main.ts'], {
    cwd: root,
    env: environmentWith({ DATA_DIR: dataDir, ...environment }) as NodeJS.ProcessEnv,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  started.push({ child, dataDir });
  let text = '';
  child.stdout?.on('data', (chunk: Buffer) => (text += chunk.toString()));
  child.stderr?.on('data', (chunk: Buffer) => (text += chunk.toString()));
  const startedAt = performance.now();
  const ended = new Promise<{ code: number | null; seconds: number }>((resolve) => {
    child.once('exit', (code) => resolve({ code, seconds: (performance.now() - startedAt) / 1000 }));
  });
  return { child, said: () => text, ended };
}

function untilSaid({ said }: Started, text: string): Promise<boolean> {
  const condition = (): boolean => {
    if (!said().includes(text)) throw new Error(`it said so far: ${said()}`);
    return true;
  };
  return waitUntil(`Millrace says "${text}"`, condition, { limitMs: 60_000, everyMs: 50 });
}

/** The processes that belong to a data folder, by their environment or command line. */
function processesOf(dataDir: string): string[] {
  return globSync('/proc/[0-9]*').filter((folder) => {
    try {
      return ['environ', 'cmdline'].some((file) => readFileSync(join(folder, file), 'utf8').includes(dataDir));
    } catch {
      return false;
    }
  });
}

/** Runs a command of package.json's scripts with nothing but the data folder set; answers what it wrote. */
async function runCommand(dataDir: string, command: string[]): Promise<string> {
  const { stdout } = await promisify(execFile)(process.execPath, command, {
    cwd: root,
    env: environmentWith({ DATA_DIR: dataDir }) as NodeJS.ProcessEnv,
  });
  return stdout;
}

interface Ledger {
  balanced: boolean;
  in_journal: number;
  totals: { lost_upstream: number };
  sources: { protocol: string; source_name: string; received: number }[];
}

function newDataDir(): string {
  return mkdtempSync(join(tmpdir(), 'millrace-start-'));
}

afterEach(async () => {
  const all = started.splice(0);
  for (const { child } of all) if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
  for (const { dataDir } of all) {
    await waitUntil(`nothing of ${dataDir} runs`, () => processesOf(dataDir).length === 0, { limitMs: 20_000 });
    rmSync(dataDir, { recursive: true, force: true });
  }
});

describe('npm start', () => {
  test('runs the whole plant, keeps its data over a restart, and stops within 10 s', async () => {
    const dataDir = newDataDir();
    const port = String(await freePort());
    const first = npmStart(dataDir, { HTTP_PORT: port });
    await untilSaid(first, 'First live values');
    const password = /Password\s+(\S+)/.exec(first.said())?.[1] ?? '';
    const api = `http://127.0.0.1:${port}/api/v1`;
    const login = await fetch(`${api}/login`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ email: 'admin@millrace.local', password }),
    });
    expect(login.status).toBe(200);
    const { token } = (await login.json()) as { token: string };
    const headers = { authorization: `Bearer ${token}` };
    const lines = (await (await fetch(`${api}/lines`, { headers })).json()) as { items: unknown[] };
    expect(lines.items).toHaveLength(21);
    const page = await (await fetch(`http://127.0.0.1:${port}/`)).text();
    expect(page).toContain('<title>Millrace');
    await waitUntil(
      'every measurement signal has a value',
      async () => {
        const response = await fetch(`${api}/signals?kind=measurement&limit=1000`, { headers });
        const { items } = (await response.json()) as { items: { latest: { value: number | null } | null }[] };
        return items.length === 1000 && items.every((signal) => signal.latest?.value != null);
      },
      { limitMs: 60_000 },
    );

    // Commands of the README find the running Millrace by the data folder alone.
    const file = join(dataDir, 'plant.csv');
    const exported = await runCommand(dataDir, ['core/plant/main.ts', 'export', file]);
    expect(exported).toContain('21 lines, 236 machines');
    expect(await runCommand(dataDir, ['core/plant/main.ts', 'import', file])).toContain('new or changed: nothing');
    const recording = join(dataDir, 'recording.csv');
    writeFileSync(recording, 'time,pressure\n2026-03-01T08:00:00Z,1.5\n2026-03-01T08:00:01Z,1.6\n');
    const replayed = await runCommand(dataDir, [
      'simulators/replay/main.ts',
      recording,
      '--topic-prefix',
      'millrace/berlin/rig/pump',
      '--register',
    ]);
    expect(replayed).toContain('2 readings sent, 2 acknowledged');

    first.child.kill('SIGINT');
    const stoppingAt = performance.now();
    expect((await first.ended).code).toBe(0);
    expect((performance.now() - stoppingAt) / 1000).toBeLessThan(10);
    expect(processesOf(dataDir)).toEqual([]);
    expect(existsSync(join(dataDir, 'running.json'))).toBe(false);

    // The plant is off now, so that the books stand still beside what the simulators say they sent.
    const second = npmStart(dataDir, { HTTP_PORT: port, SIMULATE: 'off' });
    await untilSaid(second, 'Dashboard');
    const { sources } = JSON.parse(readFileSync(join(dataDir, 'simulator/sent.json'), 'utf8')) as {
      sources: { protocol: string; source: string; sent: number; acknowledged?: number }[];
    };
    await waitUntil(
      'the books hold what the simulators sent',
      async () => {
        // The session of the first run is still good: it lives in the database, which survived.
        const ledger = (await (await fetch(`${api}/ledger`, { headers })).json()) as Ledger;
        const books = new Map(ledger.sources.map((source) => [`${source.protocol} ${source.source_name}`, source]));
        const mqtt = sources.filter((source) => source.protocol === 'mqtt');
        const wrong = mqtt
          .map(({ source, sent, acknowledged }) => ({
            source,
            sent,
            acknowledged,
            received: books.get(`mqtt ${source}`)?.received,
          }))
          .filter(({ sent, acknowledged, received }) => sent !== received || sent !== acknowledged);
        if (wrong.length > 0 || mqtt.length !== 7) throw new Error(JSON.stringify(wrong));
        return ledger.balanced && ledger.in_journal === 0 && ledger.totals.lost_upstream === 0;
      },
      { limitMs: 20_000, everyMs: 200 },
    );

    second.child.kill('SIGKILL');
    await waitUntil('the killed supervisor leaves no orphan', () => processesOf(dataDir).length === 0, {
      limitMs: 20_000,
    });
  });

  test('a wrong setting stops the start with its name, its value and what is accepted', async () => {
    const { said, ended } = npmStart(newDataDir(), { HTTP_PORT: 'eighty' });
    expect((await ended).code).toBe(1);
    expect(said()).toContain('HTTP_PORT is "eighty"; accepted is a whole number from 0 to 65535');
  });

  test('a taken port stops the start with one sentence', async () => {
    const other = createServer();
    const port = await freePort();
    await new Promise<void>((resolve) => other.listen(port, '127.0.0.1', resolve));
    const { said, ended } = npmStart(newDataDir(), { HTTP_PORT: String(port) });
    expect((await ended).code).toBe(1);
    expect(said()).toContain(`HTTP_PORT ${port} is taken by another program`);
    await new Promise<void>((resolve) => other.close(() => resolve()));
  });

  test.each([
    ['DATABASE_URL', 'postgres://millrace@127.0.0.1:PORT/millrace'],
    ['REDIS_URL', 'redis://127.0.0.1:PORT'],
    ['MQTT_URL', 'mqtt://127.0.0.1:PORT'],
    ['OPCUA_URLS', 'opc.tcp://127.0.0.1:PORT'],
  ])('an unreachable %s stops the start with one sentence', async (setting, url) => {
    const port = await freePort();
    const { said, ended } = npmStart(newDataDir(), { HTTP_PORT: '0', [setting]: url.replace('PORT', String(port)) });
    expect((await ended).code).toBe(1);
    expect(said()).toContain(`${setting}: nothing answers at 127.0.0.1:${port}`);
  });

  test('a server that is no Redis stops the start with one sentence', async () => {
    const other = createServer((socket) => {
      socket.once('error', () => undefined);
      socket.write('220 mail.example ready\r\n', () => socket.destroy());
    });
    const port = await freePort();
    await new Promise<void>((resolve) => other.listen(port, '127.0.0.1', resolve));
    const { said, ended } = npmStart(newDataDir(), { HTTP_PORT: '0', REDIS_URL: `redis://127.0.0.1:${port}` });
    expect((await ended).code).toBe(1);
    expect(said()).toContain(`REDIS_URL: what answers at 127.0.0.1:${port} cannot be used as Redis or Valkey`);
    await new Promise<void>((resolve) => other.close(() => resolve()));
  });

  test('a data folder that cannot be made or written stops the start with one sentence', async () => {
    const file = join(newDataDir(), 'a-file');
    writeFileSync(file, '');
    // Below /proc the system says that a folder is not there, also when it has just been asked to make it.
    for (const dataDir of [file, join(file, 'below'), '/proc/millrace']) {
      const { said, ended } = npmStart(dataDir, { HTTP_PORT: '0' });
      expect((await ended).code).toBe(1);
      expect(said()).toContain(`DATA_DIR ${dataDir} cannot be`);
    }
  });

  test('a second Millrace on the same data folder is refused', async () => {
    const dataDir = newDataDir();
    const first = npmStart(dataDir, { HTTP_PORT: '0', SIMULATE: 'off' });
    await untilSaid(first, 'Dashboard');
    const second = npmStart(dataDir, { HTTP_PORT: '0', SIMULATE: 'off' });
    expect((await second.ended).code).toBe(1);
    expect(second.said()).toContain('is in use by a running Millrace');
  });
});
