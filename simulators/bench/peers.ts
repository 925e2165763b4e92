import { execFile } from 'node:child_process';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { monotonic, now, pause } from '../../core/clock.ts';
import { benchAddress, benchNodes, benchSignals, type PlantSize } from './bench-plant.ts';
import type { Bench } from './context.ts';
import type { BenchDatabase } from './bench-database.ts';
import type { BenchProcess } from './bench-process.ts';
import { gateRows } from './gates.ts';
import { processUsage } from './process-usage.ts';
import { startPublisher, type Publisher, type PublishOrder, type PublishReport } from './publisher.ts';

export type PeerWay = 'insert' | 'values' | 'text' | 'package';

export interface PeerSetup {
  url: string;
  database_url: string;
  protocol: 'mqtt' | 'sparkplug';
  way: PeerWay;
  /** JSON: topic → signal number. Sparkplug: edge node → index of its first signal. */
  topics: Record<string, number>;
  signal_ids: number[];
  /** Folder with pg-copy-streams-binary installed. */
  packages?: string;
}

export interface PeerRun {
  readings_per_second: number;
  /** Why what is stored is not what was sent; empty when it is. */
  wrong: string[];
  cpu_us: number;
}

/** Installs packages into a folder of their own for one run; answers undefined when the registry cannot be reached. */
export async function installPackages(bench: Bench, packages: readonly string[]): Promise<string | undefined> {
  const folder = mkdtempSync(join(bench.runDir, 'packages-'));
  writeFileSync(join(folder, 'package.json'), '{"private":true}');
  try {
    await promisify(execFile)('npm', ['install', '--no-audit', '--no-fund', '--ignore-scripts', ...packages], {
      cwd: folder,
      timeout: 300_000,
    });
    return folder;
  } catch (error) {
    const reason = /404|ENOTFOUND|ETIMEDOUT|EAI_AGAIN/.exec((error as Error).message)?.[0] ?? 'failed';
    bench.result.notes.push(
      `${packages.join(', ')} could not be installed (${reason}), so this peer was not measured.`,
    );
    return undefined;
  }
}

/**
 * One run of a peer: publish `ticks` ticks as fast as they go, and wait until the peer has committed them. Before that, a
 * quarter as many that are not counted warm up its process and its connections.
 */
export async function runPeer(
  bench: Bench,
  plant: { database: BenchDatabase; signalIds: number[]; size: PlantSize },
  options: { way: PeerWay; protocol: 'mqtt' | 'sparkplug'; ticks: number; packages?: string | undefined },
): Promise<PeerRun> {
  const { database, signalIds, size } = plant;
  const { protocol, way, ticks } = options;
  const broker = await bench.broker('alone');
  const signals = benchSignals(size);
  const topics =
    protocol === 'mqtt'
      ? Object.fromEntries(signals.map((signal, index) => [benchAddress('mqtt', signal), signalIds[index] ?? 0]))
      : Object.fromEntries(signals.map(({ line }, index): [string, number] => [line, index]).reverse());
  const folder = mkdtempSync(join(bench.runDir, 'peer-'));
  const file = join(folder, 'peer.json');
  const setup: PeerSetup = {
    url: broker.url,
    database_url: database.url,
    protocol,
    way,
    topics,
    signal_ids: signalIds,
    ...(options.packages !== undefined && { packages: options.packages }),
  };
  writeFileSync(file, JSON.stringify(setup));
  let peer: BenchProcess | undefined;
  let publisher: Publisher | undefined;
  try {
    peer = await bench.room('simulators/bench/peer-main.ts', {}, [file]);
    publisher = await startPublisher({
      url: broker.url,
      protocol,
      nodes: benchNodes(size),
      signal_ids: signalIds,
      seed: bench.result.seed,
    });
    const running = { peer, publisher };
    const warm = await publishTo(running, Math.ceil(ticks / 4), 0);
    await database.clear();
    const before = processUsage(peer.pid).cpu_seconds;
    const { order, report, committed, last_commit_ms } = await publishTo(running, ticks, warm.committed);
    const cpu = processUsage(peer.pid).cpu_seconds - before;
    return {
      readings_per_second: (committed / (last_commit_ms - report.started_at_ms)) * 1000,
      wrong: await gateRows(database, report, order.start_ms, order.start_ms + ticks),
      cpu_us: (cpu / report.readings) * 1e6,
    };
  } finally {
    await publisher?.close();
    if (peer !== undefined) await bench.stop(peer);
    await bench.stop(broker);
    await database.clear();
  }
}

/** Publishes, and waits until the peer has committed all of it; `already` is what it had committed before. */
async function publishTo(
  { peer, publisher }: { peer: BenchProcess; publisher: Publisher },
  ticks: number,
  already: number,
): Promise<{ order: PublishOrder; report: PublishReport; committed: number; last_commit_ms: number }> {
  const order = { ticks, start_ms: now() - ticks, step_ms: 1, paced: false };
  const report = await publisher.publish(order);
  let state = { committed: already, last_commit_ms: 0, failure: '' };
  for (const deadline = monotonic() + 60_000; state.committed - already < report.readings && monotonic() < deadline; ) {
    state = await peer.ask<typeof state>({ how: 'far' }, (answer) => 'committed' in answer);
    if (state.failure !== '') throw new Error(`It failed: ${state.failure}`);
    await pause(20);
  }
  return { order, report, committed: state.committed - already, last_commit_ms: state.last_commit_ms };
}
