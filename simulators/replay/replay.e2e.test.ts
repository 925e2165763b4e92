import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connectAsync, type MqttClient } from 'mqtt';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { monotonic } from '../../core/clock.ts';
import { startEmbeddedBroker, type EmbeddedBroker } from '../../core/embedded/broker.ts';
import { silentLog } from '../../core/log.ts';
import { exportPlant } from '../../core/plant/export-plant.ts';
import { environmentWith } from '../../core/settings.ts';
import { createTestDatabase } from '../../core/testing/database.ts';
import { waitUntil } from '../../core/testing/wait-until.ts';

const root = join(import.meta.dirname, '../..');
const skab = join(root, '../shared/data/skab/valve1/0.csv');
const nab = join(root, '../shared/data/nab/data/realTraffic/TravelTime_387.csv');
const folder = mkdtempSync(join(tmpdir(), 'millrace-replay-'));
let broker: EmbeddedBroker;
let listener: MqttClient;
let heard: { topic: string; text: string }[] = [];

beforeAll(async () => {
  broker = await startEmbeddedBroker({ log: silentLog });
  listener = await connectAsync(broker.url, { protocolVersion: 4, clean: false, clientId: 'listener' });
  listener.on('message', (topic, payload) => heard.push({ topic, text: payload.toString() }));
  await listener.subscribeAsync('#', { qos: 1 });
});
beforeEach(() => {
  heard = [];
});
afterAll(async () => {
  await listener.endAsync();
  await broker.stop();
  rmSync(folder, { recursive: true });
});

async function replay(parameters: string[], settings: Record<string, string> = {}) {
  const child = spawn(process.execPath, ['simulators/replay/main.ts', ...parameters], {
    cwd: root,
    env: environmentWith({ MQTT_URL: broker.url, ...settings }),
  });
  let out = '';
  let err = '';
  child.stdout.on('data', (chunk) => (out += String(chunk)));
  child.stderr.on('data', (chunk) => (err += String(chunk)));
  const code = await new Promise((resolve) => void child.on('close', resolve));
  return { code, out, err };
}

/** The texts of all values in a column of a file, as they stand there. */
function column(path: string, delimiter: string, index: number): string[] {
  return readFileSync(path, 'utf8')
    .trim()
    .split(/\r?\n/)
    .slice(1)
    .map((line) => line.split(delimiter)[index] ?? '');
}

describe('replay', () => {
  it('sends a recorded file to the last digit', async ({ skip }) => {
    skip(!existsSync(skab), 'the SKAB recording is not here');
    const { code, out } = await replay([skab, '--topic-prefix', 'millrace/lab/l1/rig', '--single']);
    expect(code).toBe(0);
    expect(out).toMatch(/1147 rows: 11470 readings sent, 11470 acknowledged/);
    await waitUntil('all of it has been heard', () => heard.length === 11_470);
    const of = (topic: string): string[] =>
      heard.filter((message) => message.topic === topic).map((message) => message.text);
    const values = column(skab, ';', 8);
    const times = column(skab, ';', 0);
    expect(of('millrace/lab/l1/rig/volume_flow_raterms')).toEqual(
      values.map((value, row) => `{"ts":"${times[row]?.replace(' ', 'T')}Z","value":${value}}`),
    );
  });

  it('sends local times of a zone as UTC, many rows in a message', async ({ skip }) => {
    skip(!existsSync(nab), 'the NAB recording is not here');
    const { code } = await replay([
      nab,
      '--topic-prefix',
      'millrace/lab/l1/nab',
      '--batch',
      '500',
      '--zone',
      'America/New_York',
    ]);
    expect(code).toBe(0);
    const rows = column(nab, ',', 1);
    const moments = (): { ts: string; values: { value: number } }[] =>
      heard.flatMap(({ text }) => JSON.parse(text) as never[]);
    await waitUntil('all rows have been heard', () => moments().length === rows.length);
    expect(moments().map(({ values }) => values.value)).toEqual(rows.map(Number));
    const [first] = column(nab, ',', 0);
    expect(first).toBe('2015-07-10 14:24:00');
    expect(moments()[0]?.ts).toBe('2015-07-10T18:24:00Z');
  });

  it('makes the machine known when asked, so that its readings have signals', async () => {
    const database = await createTestDatabase();
    const path = join(folder, 'small.csv');
    writeFileSync(
      path,
      'ts,Oil Pressure,speed\n2026-01-01 00:00:00,1.5,100\n2026-01-01 00:00:05,1.50,\n2026-01-01 00:00:10,oops,102\n',
    );
    const parameters = [path, '--topic-prefix', 'millrace/lab/l1/rig', '--register', '--zone', 'Europe/Berlin'];
    const first = await replay(parameters, { DATABASE_URL: database.url });
    expect(first.out).toMatch(/2 signals of millrace\/lab\/l1\/rig are known, 2 of them new/);
    expect(first.code).toBe(1);
    expect(first.err).toContain('small.csv, line 4, Oil Pressure');
    expect(first.err).toContain('"oops" is there; accepted is a number');
    expect(first.out).toMatch(/3 rows: 4 readings sent, 4 acknowledged/);
    const plant = await exportPlant(database, 'millrace');
    expect(plant.sites[0]).toMatchObject({ name: 'lab', time_zone: 'Europe/Berlin' });
    expect(plant.sites[0]?.lines[0]?.machines[0]?.signals).toMatchObject([
      {
        name: 'oil_pressure',
        expected_interval_seconds: 5,
        sources: [{ protocol: 'mqtt', address: 'millrace/lab/l1/rig/oil_pressure' }],
      },
      { name: 'speed' },
    ]);
    // What is wrong elsewhere in the plant is no recording's fault; what was mapped by hand is known.
    await database.execute("update signal set limit_low = 9, limit_high = 5, name = 'oil' where name = 'oil_pressure'");
    const again = await replay([...parameters, '--keep-going'], { DATABASE_URL: database.url });
    expect(again.code).toBe(0);
    expect(again.out).toMatch(/2 signals .* 0 of them new/);
  });

  it('paces by the recorded times', async () => {
    const path = join(folder, 'paced.csv');
    writeFileSync(path, 'ts,a\n2026-01-01 00:00:00,1\n2026-01-01 00:00:10,2\n2026-01-01 00:00:20,3\n');
    const startedAt = monotonic();
    await replay([path, '--topic-prefix', 'millrace/lab/l1/rig', '--speed', '20']);
    expect(monotonic() - startedAt).toBeGreaterThan(1000);
    await waitUntil('all rows have been heard', () => heard.length === 3);
  });

  it('says in one sentence what is wrong', async () => {
    const path = join(folder, 'x.csv');
    writeFileSync(path, 'ts,a\n2026-01-01 00:00:00,1\n');
    const prefix = ['--topic-prefix', 'millrace/lab/l1/rig'];
    const cases: [string[], RegExp][] = [
      [[path, ...prefix, '--mqtt-url', 'mqtt://127.0.0.1:1'], /broker mqtt:\/\/127\.0\.0\.1:1 does not answer/],
      [[path, '--topic-prefix', 'a/b'], /--topic-prefix is "a\/b"; accepted is enterprise\/site\/line\/machine/],
      [[join(folder, 'none.csv'), ...prefix], /There is no such file/],
      [[path, ...prefix, '--zone', 'Mars'], /--zone is "Mars"/],
      [[path, ...prefix, '--speed', 'fast'], /--speed is "fast"/],
      [[path, ...prefix, '--sped', '1'], /Unknown option '--sped'/],
      [[path, ...prefix, '--register'], /The database of DATABASE_URL cannot be reached \(connect ECONNREFUSED/],
    ];
    for (const [parameters, expected] of cases) {
      const { code, err } = await replay(parameters, { DATABASE_URL: 'postgres://a:b@127.0.0.1:1/none' });
      expect(err).toMatch(expected);
      expect(err.trim().split('\n')).toHaveLength(1);
      expect(code).toBe(1);
    }
  });
});
