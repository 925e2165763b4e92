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
import { gateRows } from './gates.ts';
import { processUsage } from './process-usage.ts';
import { startPublisher, type Publisher, type PublishOrder, type PublishReport } from './publisher.ts';

/**
 * Node-RED: an "mqtt in" node at QoS 1 and a function node that writes each message with the pg package, as its
 * documentation shows for packages that have no node of their own, and counts what is committed. `packages` is the folder
 * it is installed in.
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
  const countPort = await freePort();
  const topics = Object.fromEntries(
    benchSignals(size).map((signal, index) => [benchAddress('mqtt', signal), signalIds[index] ?? 0]),
  );
  writeFileSync(
    join(packages, 'settings.js'),
    `const { Pool } = require('pg');
const count = { committed: 0 };
require('http').createServer((request, answer) => answer.end(JSON.stringify(count))).listen(${countPort}, '127.0.0.1');
module.exports = { uiPort: ${port}, uiHost: '127.0.0.1', flowFile: 'flows.json', userDir: ${JSON.stringify(packages)}, credentialSecret: false,
  telemetry: { enabled: false, updateNotification: false }, logging: { console: { level: 'warn', metrics: false, audit: false } },
  functionGlobalContext: { pool: new Pool({ connectionString: ${JSON.stringify(database.url)}, max: 10 }), count, topics: ${JSON.stringify(topics)} } };\n`,
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
        func: `const count = global.get('count');
const id = global.get('topics')[msg.topic];
global.get('pool').query('insert into reading (time, signal_id, value, quality) values (to_timestamp($1::float8 / 1000), $2, $3, 192) on conflict do nothing',
  [msg.payload.ts, id, msg.payload.value]).then(() => { count.committed++; }, (error) => node.error(error.message));`,
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
    const count = async (): Promise<Count> => (await (await fetch(`http://127.0.0.1:${countPort}`)).json()) as Count;
    await untilSubscribed(publisher, count, () => {
      if (red.exitCode !== null) throw new Error(`Node-RED ended: ${said}`);
    });
    await publishTo(publisher, count, Math.ceil(ticks / 4));
    await database.clear();
    const before = processUsage(red.pid ?? 0).cpu_seconds;
    const { order, report, committed, seen_ms } = await publishTo(publisher, count, ticks);
    const cpu = processUsage(red.pid ?? 0).cpu_seconds - before;
    return {
      readings_per_second: (committed / (seen_ms - report.started_at_ms)) * 1000,
      wrong: await gateRows(database, report, order.start_ms, order.start_ms + ticks),
      cpu_us: (cpu / report.readings) * 1e6,
    };
  } finally {
    await publisher?.close();
    await stop();
    await bench.stop(broker);
    await database.clear();
  }
}

interface Count {
  committed: number;
}

/** Publishes, and waits until Node-RED has committed all of it. */
async function publishTo(
  publisher: Publisher,
  count: () => Promise<Count>,
  ticks: number,
): Promise<Count & { order: PublishOrder; report: PublishReport; seen_ms: number }> {
  const { committed: already } = await count();
  const order = { ticks, start_ms: now() - ticks, step_ms: 1, paced: false };
  const report = await publisher.publish(order);
  let state = await count();
  for (
    const deadline = monotonic() + 120_000;
    state.committed - already < report.readings && monotonic() < deadline;
  ) {
    await pause(20);
    state = await count();
  }
  return { order, report, committed: state.committed - already, seen_ms: now() };
}

/** Publishes a tick of the past again and again until some of it is committed, and waits for the rest: Node-RED does not say when it listens. */
async function untilSubscribed(
  publisher: Publisher,
  count: () => Promise<Count>,
  throwIfEnded: () => void,
): Promise<void> {
  const start = now() - 600_000;
  let committed = 0;
  for (let attempt = 0; attempt < 120; attempt++) {
    if (committed === 0) await publisher.publish({ ticks: 1, start_ms: start, step_ms: 1, paced: false });
    await pause(500);
    throwIfEnded();
    // Before it is up, nobody answers.
    const state = await count().catch(() => ({ committed: 0 }));
    if (state.committed > 0 && state.committed === committed) return;
    committed = state.committed;
  }
  throw new Error('Node-RED did not take anything.');
}
