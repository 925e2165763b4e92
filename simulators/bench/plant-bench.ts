import { mkdtempSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { monotonic, pause } from '../../core/clock.ts';
import { freePort } from '../../core/embedded/postgres.ts';
import type { Plant } from '../../core/plant/plant-document.ts';
import { writePlantFile } from '../../core/plant/plant-file.ts';
import { referencePlant } from '../../core/plant/reference-plant.ts';
import { eachLag, watchCommits, type CommitWatch } from './commits.ts';
import type { Bench } from './context.ts';
import { startApi } from './http-api.ts';
import { probeEndpoint, startProbe, withProbe, type Probe } from './probe.ts';
import { processMemory, processUsage, type Usage } from './process-usage.ts';
import { median, quantile } from './statistics.ts';

/** The reference plant with each line so many times: the same machines, sensors and protocols. */
export function scaledPlant(seed: number, factor: number): Plant {
  const plant = referencePlant(seed);
  if (factor === 1) return plant;
  return {
    ...plant,
    sites: plant.sites.map((site) => ({
      ...site,
      lines: site.lines.flatMap((line) =>
        Array.from({ length: factor }, (_, copy) => {
          const name = copy === 0 ? line.name : `${line.name}x${copy}`;
          return {
            ...line,
            name,
            machines: line.machines.map((machine) => ({
              ...machine,
              signals: machine.signals.map((signal) => ({
                ...signal,
                sources: signal.sources.map((source) => ({
                  ...source,
                  address: source.address.replace(`/${line.name}/`, `/${name}/`),
                })),
              })),
            })),
          };
        }),
      ),
    })),
  };
}

/**
 * The whole plant at 1 Hz with everything on: broker, ingest, analytics, API with one live client, and the simulators as the
 * outside world, in all three protocols. What each costs, whether everything is stored in time, and whether memory stays.
 */
export async function plantBench(bench: Bench, factor: number): Promise<void> {
  const plant = scaledPlant(bench.result.seed, factor);
  const opcua = `opc.tcp://127.0.0.1:${await freePort()}`;
  const probeOpcua = await probeEndpoint();
  const database = await bench.database(withProbe(plant, opcua, probeOpcua));
  const broker = await bench.broker('roomy');
  const dataDir = mkdtempSync(join(bench.runDir, 'plant-'));
  const file = join(dataDir, 'plant.yaml');
  writeFileSync(file, '');
  writePlantFile(file, plant);
  const environment = {
    DATABASE_URL: database.url,
    MQTT_URL: broker.url,
    OPCUA_URLS: `${opcua},${probeOpcua}`,
    REDIS_URL: '',
    DATA_DIR: dataDir,
    // No readings that are late on purpose: they would count as our lag.
    SIMULATE_MESS: 'none',
  };
  const simulators = await bench.room('simulators/main.ts', { ...environment, OPCUA_URLS: opcua }, ['--plant', file]);
  const ingest = await bench.room('ingest/main.ts', environment);
  const analytics = await bench.room('analytics/main.ts', environment);
  const api = await startApi(bench, database.url);
  const probe = await startProbe(bench, database, { mqtt: broker.url, opcua: probeOpcua });
  const closing = new AbortController();
  const streaming = api.stream('values,states,oee,alarms,work_orders', () => undefined, closing.signal);
  const rooms: Record<string, () => Usage> = {
    ingest: () => roomUsage(ingest.pid),
    analytics: () => roomUsage(analytics.pid),
    api: () => roomUsage(api.room.pid),
    database: () => database.usage(),
    broker: () => processUsage(broker.pid),
    simulators: () => roomUsage(simulators.pid),
  };
  bench.say('warming up for 30 s');
  await pause(30_000);
  // What came while the rooms were starting is stored first; a minute more at most.
  for (let waited = 0; waited < 60 && (await readBooks(database)).waiting > factor * 1000; waited++) await pause(1000);
  const commits = await watchCommits(database);
  const booksBefore = await readBooks(database);
  const before = Object.fromEntries(Object.entries(rooms).map(([name, usage]) => [name, usage().cpu_seconds]));
  const memory: Record<string, { at: number; bytes: number }[]> = {};
  const began = monotonic();
  const watch = async (): Promise<void> => {
    for (let left = bench.seconds; left > 0; left -= 5) {
      await pause(Math.min(5, left) * 1000);
      for (const [name, usage] of Object.entries(rooms))
        (memory[name] ??= []).push({ at: monotonic() - began, bytes: usage().rss_bytes });
      if (left % 30 < 5)
        bench.say(
          Object.entries(memory)
            .map(([name, points]) => `${name} ${Math.round((points.at(-1)?.bytes ?? 0) / 1e6)} MB`)
            .join(', '),
        );
    }
  };
  const probing = probe.send(bench.seconds);
  // Who waits for it is told of a failure; until then it is no failure of this process.
  probing.catch(() => undefined);
  await bench.profiled(watch);
  const seconds = (monotonic() - began) / 1000;
  const cpu = Object.fromEntries(
    Object.entries(rooms).map(([name, usage]) => [name, ((usage().cpu_seconds - (before[name] ?? 0)) / seconds) * 100]),
  );
  const books = await readBooks(database);
  await probing;
  await commits.stop();
  closing.abort();
  await streaming;
  report(bench, factor, cpu, memory);
  reportBooks(bench, factor, seconds, booksBefore, books);
  await reportLags(bench, factor, database, commits, probe);
}

/** With its memory as PSS, so that rooms can be added up. */
const roomUsage = (pid: number): Usage => ({ ...processUsage(pid), rss_bytes: processMemory(pid) });

type Opened = Awaited<ReturnType<Bench['database']>>;

function report(
  bench: Bench,
  factor: number,
  cpu: Record<string, number>,
  memory: Record<string, { at: number; bytes: number }[]>,
): void {
  for (const [name, percent] of Object.entries(cpu))
    bench.measure({ what: `CPU of ${name}`, value: percent, unit: '% of a core' });
  const own = ['ingest', 'analytics', 'api', 'database'].reduce((sum, name) => sum + (cpu[name] ?? 0), 0);
  bench.measure({
    what: 'CPU of ingest, analytics, API and database together',
    value: own,
    unit: '% of a core',
    ...(factor === 1 && { goal: { text: '≤ 30 %', met: own <= 30 } }),
  });
  const bytes = (name: string): number => median((memory[name] ?? []).map((point) => point.bytes));
  for (const name of ['ingest', 'analytics', 'api', 'simulators'])
    bench.measure({ what: `memory of ${name} (PSS)`, value: bytes(name) / 1e6, unit: 'MB' });
  const together = (bytes('ingest') + bytes('analytics') + bytes('api')) / 1e6;
  bench.measure({
    what: 'memory of ingest, analytics and API together (PSS)',
    value: together,
    unit: 'MB',
    ...(factor === 1 && { goal: { text: '≤ 450 MB', met: together <= 450 } }),
  });
  const growth = ['ingest', 'analytics', 'api'].map((name) => {
    const points = memory[name] ?? [];
    const half = points.slice(0, Math.floor(points.length / 2));
    const rest = points.slice(Math.floor(points.length / 2));
    return (median(rest.map((point) => point.bytes)) - median(half.map((point) => point.bytes))) / 1e6;
  });
  const grown = growth.reduce((sum, each) => sum + each, 0);
  bench.measure({
    what: 'memory of ingest, analytics and API: growth, second half against first',
    value: (grown / Math.max(1, together)) * 100,
    unit: '%',
    note: `of ingest ${growth[0]?.toFixed(1)}, analytics ${growth[1]?.toFixed(1)}, API ${growth[2]?.toFixed(1)} MB in ${bench.seconds} s`,
    ...(factor > 1 && { goal: { text: 'flat over an hour (≤ 5 %)', met: grown <= 0.05 * together } }),
    // Heaps fill up for minutes before they are collected as a whole.
    ...(factor > 1 &&
      bench.seconds < 3600 && {
        refused: `only an hour shows whether memory is flat, and this run took ${bench.seconds} s: npm run bench -- tenfold --seconds 3600`,
      }),
  });
}

/** Whether everything that came is stored, and whether the books balance. */
function reportBooks(bench: Bench, factor: number, seconds: number, before: Books, books: Books): void {
  const rate = (books.stored - before.stored) / seconds;
  bench.measure({ what: 'readings stored a second', value: rate, unit: '/s', note: `for ${seconds.toFixed(0)} s` });
  const during = (name: 'dropped' | 'lost' | 'rejected' | 'parked'): number => books[name] - before[name];
  const wrong = during('dropped') + during('lost') + during('rejected') + during('parked');
  bench.measure({
    what: 'everything stored that came: readings that still waited in the journal at the end',
    value: books.waiting,
    unit: '',
    note: `dropped ${during('dropped')}, lost upstream ${during('lost')}, rejected ${during('rejected')}, parked ${during('parked')}`,
    ...(factor > 1 && {
      goal: { text: 'sustained: ≤ 2 s of readings', met: books.waiting <= 2 * rate && wrong === 0 },
    }),
  });
  if (books.difference !== 0) bench.refuse(`the books do not balance: ${books.difference} readings`);
}

/** How long readings take: those of the probe, which are sent at once, and those of the plant, which keeps some of them. */
async function reportLags(
  bench: Bench,
  factor: number,
  database: Opened,
  commits: CommitWatch,
  probe: Probe,
): Promise<void> {
  const plant: number[] = [];
  const probes = new Map<string, number[]>();
  await eachLag(database, commits, { batches: 300, rows: Number.POSITIVE_INFINITY }, (lag, signalId) => {
    const protocol = probe.protocolOf(signalId);
    if (protocol === undefined) plant.push(lag);
    else probes.set(protocol, [...(probes.get(protocol) ?? []), lag]);
  });
  const sent = [...probes.values()].flat();
  const each = [...probes].map(([protocol, lags]) => `${protocol} ${quantile(lags, 0.99).toFixed(0)} ms`).join(', ');
  const p99 = quantile(sent, 0.99);
  bench.measure({ what: 'sent → stored, p50', value: quantile(sent, 0.5), unit: 'ms' });
  bench.measure({
    what: 'sent → stored, p99',
    value: p99,
    unit: 'ms',
    note: `${sent.length} readings of a probe: ${each}`,
    ...(factor > 1 && { goal: { text: '≤ 2 s', met: p99 <= 2000 } }),
  });
  const gathered = 'with what the simulated machines keep a reading before they send it';
  bench.measure({ what: 'source time → stored, p50', value: quantile(plant, 0.5), unit: 'ms', note: gathered });
  bench.measure({ what: 'source time → stored, p99', value: quantile(plant, 0.99), unit: 'ms', note: gathered });
  bench.result.notes.push(
    '“Sent → stored” is measured with a probe beside the plant: three sensors, one for each protocol, whose readings are sent one by one at the moment that they carry (OPC UA by exception). “Source time → stored” is of the simulated plant itself, some of whose lines gather readings as real edge devices do: those that send JSON arrays keep each signal for three samples, so a reading is up to two seconds old before Millrace can see it.',
  );
}

interface Books {
  stored: number;
  rejected: number;
  parked: number;
  dropped: number;
  lost: number;
  difference: number;
  waiting: number;
}

async function readBooks({ database }: Pick<Opened, 'database'>): Promise<Books> {
  const [books] = await database.query<Books & Record<string, number>>(
    `select coalesce(sum(stored), 0)::float8 as stored, coalesce(sum(rejected), 0)::float8 as rejected, coalesce(sum(parked), 0)::float8 as parked,
            coalesce(sum(dropped), 0)::float8 as dropped, coalesce(sum(lost_upstream), 0)::float8 as lost,
            coalesce(sum(received - stored - duplicate - rejected - parked - dropped), 0)::float8 as difference,
            (select coalesce(sum(journal_readings), 0)::float8 from gateway) as waiting from ledger`,
  );
  if (books === undefined) throw new Error('The ledger gave no sums.');
  return books;
}
