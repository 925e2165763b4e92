import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { monotonic } from '../../core/clock.ts';
import { environmentWith } from '../../core/settings.ts';
import { freePort } from '../../core/embedded/postgres.ts';
import { root, track } from './bench-process.ts';
import type { Bench } from './context.ts';
import { median } from './statistics.ts';

/** `npm start` in an empty folder, and again in the same: until the first live value, and until everything has stopped. */
export async function startBench(bench: Bench): Promise<void> {
  const dataDir = mkdtempSync(join(bench.runDir, 'start-'));
  const outside: Record<string, string> = { MQTT_URL: '', REDIS_URL: '', OPCUA_URLS: '', DATABASE_URL: '' };
  if (bench.engine === 'timescale') {
    // Its own database is there already; broker, queues and plant are embedded in both cases.
    const database = await bench.database();
    outside['DATABASE_URL'] = database.url;
  }
  const first = await startOnce(dataDir, outside);
  bench.say(`first start: ${first.live.toFixed(1)} s`);
  bench.measure({
    what: 'first start (empty folder) → first live value',
    value: first.live,
    unit: 's',
    goal: { text: '≤ 60 s', met: first.live <= 60 },
  });
  const later = [];
  for (let repeat = 0; repeat < bench.repeats; repeat++) later.push(await startOnce(dataDir, outside));
  const live = median(later.map((each) => each.live));
  bench.measure({
    what: 'later start → first live value',
    value: live,
    unit: 's',
    repeats: later.map((each) => each.live),
    goal: { text: '≤ 15 s', met: live <= 15 },
  });
  bench.measure({
    what: 'Ctrl-C → everything has stopped',
    value: median(later.map((each) => each.stop)),
    unit: 's',
    repeats: later.map((each) => each.stop),
  });
  rmSync(dataDir, { recursive: true, force: true });
}

async function startOnce(dataDir: string, outside: Record<string, string>): Promise<{ live: number; stop: number }> {
  const began = monotonic();
  const environment = environmentWith({ ...outside, DATA_DIR: dataDir, HTTP_PORT: String(await freePort()) });
  const supervisor = track(
    spawn(process.execPath, [join(root, 'core/supervisor/main.ts')], {
      cwd: root,
      env: environment as NodeJS.ProcessEnv,
      stdio: ['ignore', 'pipe', 'pipe'],
    }),
  );
  let said = '';
  const ended = new Promise<void>((resolve) => supervisor.once('exit', () => resolve()));
  const live = new Promise<number>((resolve, reject) => {
    const read = (chunk: Buffer): void => {
      said += chunk.toString();
      if (said.includes('First live values')) resolve((monotonic() - began) / 1000);
    };
    supervisor.stdout.on('data', read);
    supervisor.stderr.on('data', read);
    supervisor.once('exit', () => reject(new Error(`npm start ended: ${said.slice(-1000)}`)));
    setTimeout(() => reject(new Error(`no live value within 180 s: ${said.slice(-1000)}`)), 180_000).unref();
  });
  try {
    const seconds = await live;
    const stopping = monotonic();
    supervisor.kill('SIGINT');
    await ended;
    return { live: seconds, stop: (monotonic() - stopping) / 1000 };
  } finally {
    supervisor.kill('SIGINT');
    await ended;
  }
}
