import { mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import { now, pause } from '../../core/clock.ts';
import type { PlantSize } from './bench-plant.ts';
import type { Bench } from './context.ts';
import { gatePlans, gateRollups, gateRows } from './gates.ts';
import { startApi } from './http-api.ts';
import { runIngest } from './measured-run.ts';
import { processUsage } from './process-usage.ts';
import { openPlantDatabase, openRig } from './rig.ts';
import { quantile } from './statistics.ts';

/** 1,781 sensors in one line of 13 devices; at 10 Hz 17,810 readings a second. */
const size: PlantSize = { lines: 1, machines_per_line: 13, signals_per_machine: 137 };
const stepMs = 100;
const partsOfRun = 5;

interface Values {
  signal_id: number[];
  time_ms: number[];
}

/**
 * From the moment a reading belongs to until a client of the live stream has seen it, with everything on. The stream sends
 * the newest value of each signal five times a second; a reading that was overtaken before it was sent counts as seen when the
 * newer one is. So every reading has a latency, also those that were never shown.
 */
export async function latencyBench(bench: Bench): Promise<void> {
  const plant = await openPlantDatabase(bench, size, 'sparkplug');
  const rig = await openRig(bench, plant, size, 'sparkplug', 'roomy');
  const dataDir = mkdtempSync(join(bench.runDir, 'analytics-'));
  const analytics = await bench.room('analytics/main.ts', {
    DATABASE_URL: plant.database.url,
    REDIS_URL: '',
    DATA_DIR: dataDir,
  });
  const api = await startApi(bench, plant.database.url);
  const seen = new Map<number, number>();
  const latencies: number[] = [];
  let measuring = false;
  let events = 0;
  const closing = new AbortController();
  const onValues = ({ signal_id, time_ms }: Values): void => {
    const at = now();
    events++;
    for (const [index, signal] of signal_id.entries()) {
      const newest = time_ms[index] ?? 0;
      const before = seen.get(signal);
      seen.set(signal, Math.max(newest, before ?? 0));
      if (!measuring || before === undefined) continue;
      for (let time = before + stepMs; time <= newest; time += stepMs) latencies.push(at - time);
    }
  };
  const streaming = api.stream(
    'values',
    (event, data) => {
      if (event === 'values') onValues(JSON.parse(data) as Values);
      if (event === 'snapshot') onValues((JSON.parse(data) as { values: Values }).values);
    },
    closing.signal,
  );
  const warmUpMs = 5000;
  const ticks = Math.round((bench.seconds * 1000 + warmUpMs) / stepMs);
  const order = { ticks, start_ms: now() + 300, step_ms: stepMs, paced: true };
  void pause(warmUpMs).then(() => {
    measuring = true;
  });
  const rooms = { ingest: rig.ingest.pid, analytics: analytics.pid, api: api.room.pid };
  const before = Object.fromEntries(Object.entries(rooms).map(([name, pid]) => [name, processUsage(pid).cpu_seconds]));
  const run = await bench.profiled(() => runIngest(rig, order));
  await pause(1000);
  closing.abort();
  await streaming;
  const to = order.start_ms + ticks * stepMs;
  for (const reason of await gateRows(plant.database, run.report, order.start_ms, to)) bench.refuse(reason);
  for (const reason of await gateRollups(plant.database, order.start_ms, to)) bench.refuse(reason);
  for (const reason of await gatePlans(plant.database)) bench.refuse(reason);
  if (run.report.worst_delay_ms > 100)
    bench.result.notes.push(
      `The publisher was up to ${Math.round(run.report.worst_delay_ms)} ms late; that is counted as latency.`,
    );
  bench.measure({ what: 'readings followed', value: latencies.length, unit: '', note: `${events} events` });
  // In parts of the run, so that its noise shows.
  const parts = (part: number): number[] => {
    const length = Math.ceil(latencies.length / partsOfRun);
    return Array.from({ length: partsOfRun }, (_, index) =>
      quantile(latencies.slice(index * length, (index + 1) * length), part),
    );
  };
  const p50 = quantile(latencies, 0.5);
  const p99 = quantile(latencies, 0.99);
  bench.measure({
    what: 'publish → live stream at 17,810 readings/s, p50',
    value: p50,
    unit: 'ms',
    repeats: parts(0.5),
    goal: { text: '≤ 300 ms', met: p50 <= 300 },
  });
  bench.measure({
    what: 'publish → live stream at 17,810 readings/s, p99',
    value: p99,
    unit: 'ms',
    repeats: parts(0.99),
    goal: { text: '≤ 1 s', met: p99 <= 1000 },
  });
  bench.measure({
    what: 'publish → live stream at 17,810 readings/s, p99.9',
    value: quantile(latencies, 0.999),
    unit: 'ms',
  });
  bench.measure({ what: 'publish → committed, p50', value: run.lag_ms.p50, unit: 'ms' });
  bench.measure({ what: 'publish → committed, p99', value: run.lag_ms.p99, unit: 'ms' });
  const seconds = (ticks * stepMs) / 1000;
  for (const [name, pid] of Object.entries(rooms)) {
    bench.measure({
      what: `CPU of ${name}`,
      value: ((processUsage(pid).cpu_seconds - (before[name] ?? 0)) / seconds) * 100,
      unit: '% of a core',
    });
  }
}
