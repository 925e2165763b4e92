import { mkdtempSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { monotonic, now, pause } from '../../core/clock.ts';
import { freePort } from '../../core/embedded/postgres.ts';
import { benchAddress, benchSignals, type PlantSize } from './bench-plant.ts';
import type { Bench } from './context.ts';
import { gatePlans, gateRollups, gateRows } from './gates.ts';
import { processUsage } from './process-usage.ts';
import { openPlantDatabase } from './rig.ts';

/** 10,000 items that change every 100 ms: 100,000 notifications a second. */
const size: PlantSize = { lines: 10, machines_per_line: 20, signals_per_machine: 50, interval_seconds: 0.1 };
const items = 10_000;
const stepMs = 100;

interface Report {
  readings: number;
  checksum: string;
  start_ms: number;
  worst_delay_ms: number;
}

/**
 * OPC UA: a server of its own process changes 10,000 doubles every 100 ms; ingest subscribes to all of them, and every
 * change must be stored. The server is node-opcua too and takes a whole core for this, so it is the limit of what can be
 * offered, and on two cores it competes with the database.
 */
export async function opcuaBench(bench: Bench): Promise<void> {
  const { database, signalIds } = await openPlantDatabase(bench, size, 'opcua');
  const folder = mkdtempSync(join(bench.runDir, 'opcua-'));
  const port = await freePort();
  const file = join(folder, 'server.json');
  const addresses = benchSignals(size).map((signal) => benchAddress('opcua', signal));
  writeFileSync(file, JSON.stringify({ port, addresses, signal_ids: signalIds, seed: bench.result.seed }));
  bench.result.notes.push(
    'The server reports by exception: each change is offered when it happens, and the sampling interval that ingest asks for is not applied. node-opcua’s sampling of 10,000 items would cost the server two cores more and lose changes; of a server that samples, ingest gets at most as much.',
  );
  const server = await bench.room('simulators/bench/opcua-server-main.ts', {}, [file]);
  const ingest = await bench.room('ingest/main.ts', {
    DATABASE_URL: database.url,
    MQTT_URL: '',
    REDIS_URL: '',
    OPCUA_URLS: `opc.tcp://127.0.0.1:${port}`,
    DATA_DIR: join(folder, 'data'),
  });
  await waitForRows(bench, database, items, 30_000);
  for (let step = stepMs, attempt = 0; attempt < 3; attempt++, step *= 2) {
    await database.clear();
    const before = [ingest.pid, server.pid].map((pid) => processUsage(pid).cpu_seconds);
    let offeredSeconds = 0;
    const ask = async (): Promise<{ report: Report }> => {
      const started = monotonic();
      const order = { ticks: Math.round((bench.seconds * 1000) / step), step_ms: step };
      const answer = await server.ask<{ report: Report }>(order, (candidate) => 'report' in candidate);
      offeredSeconds = (monotonic() - started) / 1000;
      return answer;
    };
    const { report } = attempt === 0 ? await bench.profiled(ask) : await ask();
    await waitForRows(bench, database, report.readings, 6000);
    const [ingestCpu = 0, serverCpu = 0] = [ingest.pid, server.pid].map(
      (pid, index) => ((processUsage(pid).cpu_seconds - (before[index] ?? 0)) / offeredSeconds) * 100,
    );
    const wrong = await gateRows(database, report, report.start_ms, report.start_ms + report.readings * step);
    bench.say(
      `${items.toLocaleString('en')} items at ${step} ms: ${wrong.length === 0 ? 'all stored' : wrong.join('; ')}; server ${serverCpu.toFixed(0)} %, at most ${Math.round(report.worst_delay_ms)} ms late`,
    );
    const isGoal = step === stepMs;
    const what = `${items.toLocaleString('en')} items at ${step} ms`;
    const offered = report.readings / offeredSeconds;
    if (isGoal || wrong.length === 0) {
      bench.measure({
        what: `${what}: notifications offered`,
        value: offered,
        unit: '/s',
        note: `the server was at most ${Math.round(report.worst_delay_ms)} ms late`,
      });
      bench.measure({
        what: `${what}: received and stored`,
        value: wrong.length === 0 ? 100 : await storedPart(database, report.readings),
        unit: '%',
        ...(isGoal && { goal: { text: 'all', met: wrong.length === 0 } }),
      });
      bench.measure({
        what: `${what}: CPU of ingest, the store within it`,
        value: ingestCpu,
        unit: '% of a core',
        note: 'what is beside the store follows from the profile of ingest',
      });
      bench.measure({
        what: `${what}: CPU of ingest`,
        value: ((ingestCpu / 100) * offeredSeconds * 1e6) / report.readings,
        unit: 'µs a reading',
      });
      bench.measure({ what: `${what}: CPU of the server`, value: serverCpu, unit: '% of a core' });
    }
    if (wrong.length > 0) continue;
    const to = report.start_ms + report.readings * step;
    for (const reason of await gateRollups(database, report.start_ms, Math.min(to, now()))) bench.refuse(reason);
    for (const reason of await gatePlans(database)) bench.refuse(reason);
    return;
  }
}

type Opened = Awaited<ReturnType<typeof openPlantDatabase>>['database'];

/** Waits until so many readings are stored, or no more have come for `patienceMs`. */
async function waitForRows(bench: Bench, { database }: Opened, wanted: number, patienceMs: number): Promise<void> {
  let rows = -1;
  for (let since = monotonic(); rows < wanted && monotonic() - since < patienceMs; await pause(100)) {
    const [row] = await database.query<{ rows: number }>('select coalesce(sum(stored), 0)::float8 as rows from ledger');
    if (row?.rows !== rows) since = monotonic();
    rows = row?.rows ?? 0;
  }
  if (rows < wanted) bench.say(`${rows} of ${wanted} readings came; no more for ${patienceMs / 1000} s`);
}

async function storedPart({ database }: Opened, sent: number): Promise<number> {
  const [row] = await database.query<{ rows: number }>('select count(*)::float8 as rows from reading');
  return ((row?.rows ?? 0) / sent) * 100;
}
