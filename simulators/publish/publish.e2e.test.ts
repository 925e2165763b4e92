import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connectAsync, type MqttClient } from 'mqtt';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { monotonic, now } from '../../core/clock.ts';
import { startEmbeddedBroker, type EmbeddedBroker } from '../../core/embedded/broker.ts';
import { silentLog } from '../../core/log.ts';
import { referencePlant } from '../../core/plant/reference-plant.ts';
import { environmentWith } from '../../core/settings.ts';
import { decodePayload } from '../../core/sparkplug/decode-payload.ts';
import { encodeRebirthRequest } from '../../core/sparkplug/messages.ts';
import { createPayloadColumns, Flag } from '../../core/sparkplug/payload-columns.ts';
import { waitUntil } from '../../core/testing/wait-until.ts';
import { openTcpProxy, type TcpProxy } from '../faults/tcp-proxy.ts';
import type { SentCounts } from '../sent.ts';
import type { TruthLine } from '../truth.ts';

let folder: string;
let broker: EmbeddedBroker;
let listener: MqttClient;
let heard: { topic: string; payload: Buffer }[];
const children: ChildProcess[] = [];
const proxies: TcpProxy[] = [];

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'millrace-simulator-'));
  broker = await startEmbeddedBroker({ log: silentLog });
  // A session that lasts, as ingest's: the broker takes no QoS 1 message before it has one.
  listener = await connectAsync(broker.url, { protocolVersion: 4, clean: false, clientId: 'listener' });
  heard = [];
  listener.on('message', (topic, payload) => heard.push({ topic, payload }));
  await listener.subscribeAsync('#', { qos: 1 });
});
afterEach(async () => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
  for (const proxy of proxies.splice(0)) await proxy.close();
  await listener.endAsync(true);
  await broker.stop();
  rmSync(folder, { recursive: true });
});

/** Starts the simulator as its own process and waits until it is ready. */
async function simulate(parameters: string[], settings: Record<string, string> = {}) {
  const child = spawn(process.execPath, ['simulators/main.ts', ...parameters], {
    cwd: join(import.meta.dirname, '../..'),
    env: environmentWith({
      MQTT_URL: broker.url,
      DATA_DIR: folder,
      SIMULATE_MESS: 'none',
      LOG_LEVEL: 'info',
      ...settings,
    }),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  children.push(child);
  let output = '';
  child.stdout.on('data', (chunk) => (output += String(chunk)));
  child.stderr.on('data', (chunk) => (output += String(chunk)));
  const ended = new Promise<number | null>((resolve) => void child.on('exit', resolve));
  await waitUntil('the simulator is ready or gives up', () => output.includes('"ready"') || child.exitCode !== null, {
    limitMs: 30_000,
  }).catch((error: unknown) => {
    throw new Error(`The simulator said: ${output}`, { cause: error });
  });
  if (child.exitCode !== null) throw new Error(`The simulator ended with ${child.exitCode} and said: ${output}`);
  return {
    output: () => output,
    async stop() {
      const startedAt = monotonic();
      child.kill('SIGTERM');
      const code = await ended;
      return { code, ms: monotonic() - startedAt };
    },
  };
}

const sent = (): SentCounts[] =>
  (JSON.parse(readFileSync(join(folder, 'simulator/sent.json'), 'utf8')) as { sources: SentCounts[] }).sources;

/** Readings by source, counted from what the broker passed on, and their times by address. */
function readHeard(): {
  counts: Map<string, number>;
  times: Map<string, number[]>;
  historical: number;
  births: number;
} {
  const counts = new Map<string, number>();
  const times = new Map<string, number[]>();
  const columns = createPayloadColumns();
  const names = new Map<string, string>();
  let historical = 0;
  let births = 0;
  const note = (source: string, address: string, ms: number): void => {
    counts.set(source, (counts.get(source) ?? 0) + 1);
    times.set(address, [...(times.get(address) ?? []), ms]);
  };
  for (const { topic, payload } of heard) {
    const parts = topic.split('/');
    if (parts[0] === 'spBv1.0') {
      const [, group = '', verb = '', edge = '', device] = parts;
      if (verb === 'NBIRTH') births++;
      if (device === undefined) continue;
      const fault = decodePayload(payload, columns);
      if (fault !== null) throw new Error(`${topic}: ${fault}`);
      for (let row = 0; row < columns.length; row++) {
        const key = `${group}/${edge} ${columns.alias[row]}`;
        if (verb === 'DBIRTH') names.set(key, payload.toString('utf8', columns.name_start[row], columns.name_end[row]));
        historical += (columns.flags[row] ?? 0) & Flag.historical;
        note(`${group}/${edge}`, `${group}/${edge}/${device}/${names.get(key)}`, columns.time_ms[row] ?? Number.NaN);
      }
      continue;
    }
    const source = parts.slice(0, 3).join('/');
    for (const item of [JSON.parse(payload.toString())].flat() as { ts: number | string; values?: object }[]) {
      const ms = typeof item.ts === 'number' ? item.ts : Date.parse(item.ts);
      if (item.values === undefined) note(source, topic, ms);
      else for (const name of Object.keys(item.values)) note(source, `${topic}/${name}`, ms);
    }
  }
  return { counts, times, historical, births };
}

/** Where the distance of successive times is not the interval. */
function gaps(times: number[], intervalMs: number): number[] {
  const sorted = [...new Set(times)].toSorted((one, two) => one - two);
  return sorted.slice(1).flatMap((time, index) => {
    const distance = time - (sorted[index] ?? 0);
    return distance === intervalMs ? [] : [distance];
  });
}

describe('the simulated plant on the wire', () => {
  it('says over MQTT and Sparkplug exactly what it counts, in every form, and stops within two seconds', async () => {
    const simulator = await simulate(['--only', 'mqtt,sparkplug'], { SIMULATE_SPEED: '3' });
    await waitUntil('every line has spoken for a while', () => readHeard().times.size > 1900 && heard.length > 4000, {
      limitMs: 30_000,
      everyMs: 200,
    });
    listener.publish('spBv1.0/millrace-berlin/NCMD/line-02', encodeRebirthRequest(now()), { qos: 1 });
    await waitUntil(
      'line-02 is born again',
      () => heard.filter(({ topic }) => topic === 'spBv1.0/millrace-berlin/NBIRTH/line-02').length === 2,
    );
    const { code, ms } = await simulator.stop();
    expect(code).toBe(0);
    expect(ms).toBeLessThan(2000);

    const counted = sent();
    expect(counted).toHaveLength(14);
    await waitUntil(
      'everything sent has been heard',
      () => counted.every(({ source, sent: count }) => readHeard().counts.get(source) === count),
      { everyMs: 200 },
    );
    for (const { protocol, sent: count, acknowledged, dropped, waiting } of counted) {
      expect(acknowledged).toBe(protocol === 'mqtt' ? count : undefined);
      expect([dropped, waiting]).toEqual([0, 0]);
    }
    // Every address is one that the plant document announces, and every signal of the plant has spoken.
    const known = referencePlant(1781).sites.flatMap((site) =>
      site.lines.flatMap((line) =>
        line.machines.flatMap((machine) => machine.signals.flatMap((signal) => signal.sources)),
      ),
    );
    const announced = known.filter(({ protocol }) => protocol !== 'opcua').map(({ address }) => address);
    expect([...readHeard().times.keys()].toSorted()).toEqual(announced.toSorted());
    for (const times of readHeard().times.values()) expect(Math.max(...times)).toBeLessThanOrEqual(now());
    expect(heard.filter(({ topic }) => topic.includes('/NDEATH/'))).toHaveLength(7);
  });

  it('loses nothing over MQTT while the broker is away, and Sparkplug sends afterwards what it kept', async () => {
    const proxy = await openTcpProxy({ port: broker.port });
    proxies.push(proxy);
    const simulator = await simulate(['--only', 'mqtt,sparkplug', '--lines', '2'], {
      MQTT_URL: `mqtt://${proxy.host}:${proxy.port}`,
    });
    const isTemperature = (topic: string): boolean => topic === 'millrace/berlin/line-01/m-001/temperature';
    await waitUntil(
      'both lines speak',
      () => readHeard().births === 1 && heard.some(({ topic }) => isTemperature(topic)),
    );
    await proxy.refuse();
    await waitUntil(
      'readings wait in the edge device',
      () => sent().some(({ protocol, waiting }) => protocol === 'mqtt' && waiting > 300),
      { limitMs: 20_000 },
    );
    await proxy.heal();
    await waitUntil('the edge node is born again and has caught up', () => readHeard().historical > 150, {
      limitMs: 20_000,
      everyMs: 100,
    });
    await waitUntil('the edge device has caught up', () => sent().every(({ waiting }) => waiting < 100));
    await simulator.stop();

    const { times } = readHeard();
    const mqttTemperatures = [...times].filter(([address]) => /^millrace\/.*\/temperature$/.test(address));
    expect(mqttTemperatures).toHaveLength(12);
    for (const [, list] of mqttTemperatures) expect(gaps(list, 1000)).toEqual([]);
    for (const { protocol, sent: count, acknowledged } of sent())
      expect(protocol === 'mqtt' ? acknowledged : count).toBe(count);
    const deaths = heard.filter(({ topic }) => topic.includes('/NDEATH/'));
    expect(deaths.length).toBeGreaterThanOrEqual(2);
    expect(readHeard().births).toBe(2);
  });

  it('breaks a machine on demand, writes the truth, and remembers its counters', async () => {
    const first = await simulate(['--only', 'mqtt', '--lines', '1', '--interval', '10'], { SIMULATE_SPEED: '600' });
    const inject = spawn(
      process.execPath,
      ['simulators/main.ts', 'inject', '--machine', 'berlin/line-01/m-003', '--fault', 'bearing', '--hours', '0.5'],
      {
        cwd: join(import.meta.dirname, '../..'),
        env: environmentWith({ DATA_DIR: folder }),
      },
    );
    expect(await new Promise((resolve) => void inject.on('exit', resolve))).toBe(0);
    const truth = (): TruthLine[] =>
      readFileSync(join(folder, 'simulator/truth.jsonl'), 'utf8')
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as TruthLine)
        .filter((line) => line.injected);
    await waitUntil('the machine is repaired', () => truth().some((line) => line.event === 'ended'), {
      limitMs: 60_000,
      everyMs: 200,
    });
    await first.stop();
    expect(truth().map((line) => line.event)).toEqual(['started', 'detectable', 'failed', 'ended']);
    expect(truth().at(-1)).toMatchObject({
      machine: 'berlin/line-01/m-003',
      failure_mode: 'bearing',
      detectable_signal: 'vibration',
      hours: 0.5,
    });

    const good = (): number => {
      const memory = JSON.parse(readFileSync(join(folder, 'simulator/memory.json'), 'utf8')) as {
        machines: Record<string, { good: number }>;
      };
      return memory.machines['berlin/line-01/m-001']?.good ?? 0;
    };
    const before = good();
    const second = await simulate(['--only', 'mqtt', '--lines', '1']);
    await second.stop();
    expect(good()).toBeGreaterThanOrEqual(before);
    expect(good()).toBeLessThan(before + 100);
  });

  it('says in one sentence that the broker is not there, and ends', async () => {
    await expect(simulate(['--only', 'mqtt', '--lines', '1'], { MQTT_URL: 'mqtt://127.0.0.1:1' })).rejects.toThrow(
      /MQTT_URL \(mqtt:\/\/127\.0\.0\.1:1\) does not answer/,
    );
  });
});
