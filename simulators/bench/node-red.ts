import { spawn } from 'node:child_process';
import { track } from './bench-process.ts';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { monotonic, now, pause } from '../../core/clock.ts';
import { freePort } from '../../core/embedded/postgres.ts';
import { benchAddress, benchNodes, benchSignals, type PlantSize } from './bench-plant.ts';
import type { BenchDatabase } from './bench-database.ts';
import type { Bench } from './context.ts';
import type { PeerRun } from './peers.ts';
import { processUsage } from './process-usage.ts';
import { startPublisher, type Publisher } from './publisher.ts';

/**
 * Node-RED: an "mqtt in" node at QoS 1 and a function node that writes each message with the pg package, as its
 * documentation shows for packages that have no node of their own. `packages` is the folder it is installed in.
 */
export async function runNodeRed(
  bench: Bench,
  { database, signalIds, size }: { database: BenchDatabase; signalIds: number[]; size: PlantSize },
  packages: string,
  ticks: number,
): Promise<PeerRun> {
  const broker = await bench.broker('alone');
  const brokerUrl = new URL(broker.url);
  const port = await freePort();
  const topics = Object.fromEntries(
    benchSignals(size).map((signal, index) => [benchAddress('mqtt', signal), signalIds[index] ?? 0]),
  );
  writeFileSync(
    join(packages, 'settings.js'),
    `const { Pool } = require('pg');
module.exports = { uiPort: ${port}, uiHost: '127.0.0.1', flowFile: 'flows.json', userDir: ${JSON.stringify(packages)}, credentialSecret: false,
  telemetry: { enabled: false, updateNotification: false }, logging: { console: { level: 'warn', metrics: false, audit: false } },
  functionGlobalContext: { pool: new Pool({ connectionString: ${JSON.stringify(database.url)}, max: 10 }), topics: ${JSON.stringify(topics)} } };\n`,
  );
  writeFileSync(
    join(packages, 'flows.json'),
    JSON.stringify([
      { id: 'tab', type: 'tab', label: 'bench' },
      {
        id: 'broker',
        type: 'mqtt-broker',
        broker: brokerUrl.hostname,
        port: brokerUrl.port,
        clientid: 'bench-node-red',
        autoConnect: true,
        usetls: false,
        protocolVersion: '4',
        keepalive: '60',
        cleansession: true,
      },
      {
        id: 'in',
        type: 'mqtt in',
        z: 'tab',
        topic: '#',
        qos: '1',
        datatype: 'json',
        broker: 'broker',
        inputs: 0,
        wires: [['write']],
      },
      {
        id: 'write',
        type: 'function',
        z: 'tab',
        outputs: 0,
        func: `const id = global.get('topics')[msg.topic];
global.get('pool').query('insert into reading (time, signal_id, value, quality) values (to_timestamp($1::float8 / 1000), $2, $3, 192) on conflict do nothing',
  [msg.payload.ts, id, msg.payload.value]).catch((error) => node.error(error.message));`,
        wires: [],
      },
    ]),
  );
  const red = track(
    spawn(process.execPath, [join(packages, 'node_modules/node-red/red.js'), '-s', join(packages, 'settings.js')], {
      cwd: packages,
      stdio: ['ignore', 'pipe', 'pipe'],
    }),
  );
  const ended = new Promise<void>((resolve) => red.once('exit', () => resolve()));
  let said = '';
  for (const stream of [red.stdout, red.stderr])
    stream.on('data', (chunk: Buffer) => (said = (said + chunk.toString()).slice(-2000)));
  const stop = async (): Promise<void> => {
    red.kill('SIGKILL');
    await ended;
  };
  let publisher: Publisher | undefined;
  try {
    publisher = await startPublisher({
      url: broker.url,
      protocol: 'mqtt',
      nodes: benchNodes(size),
      signal_ids: signalIds,
      seed: bench.result.seed,
    });
    await untilSubscribed(
      database,
      publisher,
      () => red.exitCode !== null,
      () => said,
    );
    const before = processUsage(red.pid ?? 0).cpu_seconds;
    const [waiting] = await rows(database);
    const report = await publisher.publish({ ticks, start_ms: now() - ticks, step_ms: 1, paced: false });
    let stored = 0;
    let lastAt = now();
    for (const deadline = monotonic() + 120_000; stored < report.readings && monotonic() < deadline; ) {
      await pause(50);
      stored = ((await rows(database))[0] ?? 0) - (waiting ?? 0);
      lastAt = now();
    }
    const cpu = processUsage(red.pid ?? 0).cpu_seconds - before;
    return {
      readings_per_second: (stored / (lastAt - report.started_at_ms)) * 1000,
      missing: report.readings - stored,
      cpu_us: (cpu / report.readings) * 1e6,
    };
  } finally {
    await publisher?.close();
    await stop();
    await bench.stop(broker);
    await database.clear();
  }
}

async function rows({ database }: BenchDatabase): Promise<number[]> {
  const [row] = await database.query<{ rows: number }>('select count(*)::float8 as rows from reading');
  return [row?.rows ?? 0];
}

/** Publishes a tick of the past again and again until the first rows arrive: Node-RED does not say when it listens. */
async function untilSubscribed(
  database: BenchDatabase,
  publisher: { publish(order: { ticks: number; start_ms: number; step_ms: number; paced: boolean }): Promise<unknown> },
  hasEnded: () => boolean,
  said: () => string,
): Promise<void> {
  let before = -1;
  // The same times each time: they are stored once.
  const start = now() - 600_000;
  for (let attempt = 0; attempt < 60; attempt++) {
    await publisher.publish({ ticks: 1, start_ms: start, step_ms: 1, paced: false });
    await pause(500);
    const [stored = 0] = await rows(database);
    // Twice the same number: what was sent has arrived.
    if (stored > 0 && stored === before) return;
    before = stored;
    if (hasEnded()) break;
  }
  throw new Error(`Node-RED did not take anything: ${said()}`);
}
