import { createWriteStream, mkdtempSync } from 'node:fs';
import { once } from 'node:events';
import { join } from 'node:path';
import { finished } from 'node:stream/promises';
import { monotonic, now } from '../../core/clock.ts';
import { benchAddress, benchSignals, type PlantSize } from './bench-plant.ts';
import { runProgram } from './bench-process.ts';
import type { Bench } from './context.ts';
import { gateRollups, gateRows } from './gates.ts';
import { runIngest } from './measured-run.ts';
import { openPlantDatabase, openRig } from './rig.ts';
import { createWorkload } from './workload.ts';

const size: PlantSize = { lines: 1, machines_per_line: 13, signals_per_machine: 137 };
const dayMs = 86_400_000;

interface HistoryFile {
  path: string;
  readings: number;
  checksum: string;
  from_ms: number;
  to_ms: number;
}

/**
 * History from CSV while nothing else runs, and once more while live readings come at the plant's rate: how fast it goes,
 * and what it does to the lag of the live ones.
 */
export async function backfillBench(bench: Bench): Promise<void> {
  const plant = await openPlantDatabase(bench, size, 'sparkplug');
  const folder = mkdtempSync(join(bench.runDir, 'history-'));
  const seconds = Math.max(600, bench.seconds);
  const start = Math.floor(now() / dayMs) * dayMs - 5 * dayMs;
  bench.say('writing the files');
  const wide = await writeHistory(join(folder, 'wide.csv'), 'wide', plant.signalIds, seconds, start, 1);
  const long = await writeHistory(
    join(folder, 'long.csv'),
    'long',
    plant.signalIds,
    Math.round(seconds / 2),
    start + 2 * dayMs,
    2,
  );
  const again = await writeHistory(join(folder, 'again.csv'), 'wide', plant.signalIds, seconds, start + 3 * dayMs, 3);
  const environment = { DATABASE_URL: plant.database.url, LOG_LEVEL: 'warn' };
  for (const [what, file] of [
    ['wide CSV (a column a sensor)', wide],
    ['long CSV (a row a reading)', long],
  ] as const) {
    const began = monotonic();
    const said = await runProgram('ingest/backfill/main.ts', [file.path], environment);
    await report(bench, what, file, said, (monotonic() - began) / 1000);
    for (const reason of await gateRows(plant.database, file, file.from_ms, file.to_ms)) bench.refuse(reason);
    for (const reason of await gateRollups(plant.database, file.from_ms, file.to_ms)) bench.refuse(reason);
  }
  await besideLive(bench, plant, again, environment);
}

async function report(bench: Bench, what: string, file: HistoryFile, said: string, wall: number): Promise<void> {
  const phases = new Map(
    [...said.matchAll(/^(reading|merging|rollups).*, in ([\d.]+) s$/gm)].map((match) => [
      match[1] ?? '',
      Number(match[2]),
    ]),
  );
  const loading = (phases.get('reading') ?? 0) + (phases.get('merging') ?? 0);
  bench.measure({
    what: `${what}: read, sorted, stored and merged`,
    value: file.readings / loading,
    unit: 'readings/s',
    note: `${file.readings.toLocaleString('en')} readings; reading ${phases.get('reading')} s, merging ${phases.get('merging')} s, rollups ${phases.get('rollups')} s, whole command ${wall.toFixed(1)} s`,
    ...(bench.engine === 'timescale' && { goal: { text: '≥ 1,000,000/s', met: file.readings / loading >= 1e6 } }),
  });
}

/** Live readings at 1,781/s, alone for half of the time and beside a back-fill for the rest. */
async function besideLive(
  bench: Bench,
  plant: Awaited<ReturnType<typeof openPlantDatabase>>,
  file: HistoryFile,
  environment: Record<string, string>,
): Promise<void> {
  const rig = await openRig(bench, plant, size, 'sparkplug', 'roomy');
  const live = (seconds: number) =>
    runIngest(rig, { ticks: seconds, start_ms: now() + 300, step_ms: 1000, paced: true });
  const alone = await live(20);
  let running = true;
  const began = monotonic();
  const loading = runProgram('ingest/backfill/main.ts', [file.path], environment).finally(() => {
    running = false;
  });
  const lags: number[] = [];
  let worst = 0;
  while (running) {
    const run = await live(5);
    if (run.missing > 0) bench.refuse(`${run.missing} live readings are missing beside the back-fill`);
    lags.push(run.lag_ms.p99);
    worst = Math.max(worst, run.lag_ms.max);
  }
  const said = await loading;
  await report(bench, 'wide CSV beside live readings at 1,781/s', file, said, (monotonic() - began) / 1000);
  bench.measure({ what: 'live lag alone, p99', value: alone.lag_ms.p99, unit: 'ms' });
  bench.measure({ what: 'live lag beside the back-fill, worst p99 of 5 s', value: Math.max(...lags), unit: 'ms' });
  bench.measure({ what: 'live lag beside the back-fill, worst of all', value: worst, unit: 'ms' });
  for (const reason of await gateRows(plant.database, file, file.from_ms, file.to_ms)) bench.refuse(reason);
}

async function writeHistory(
  path: string,
  form: 'wide' | 'long',
  signalIds: readonly number[],
  ticks: number,
  startMs: number,
  seed: number,
): Promise<HistoryFile> {
  const paths = benchSignals(size).map((signal) => benchAddress('mqtt', signal));
  const workload = createWorkload(signalIds, seed);
  const out = createWriteStream(path);
  out.write(form === 'wide' ? `time,${paths.join(',')}\n` : 'time,signal,value\n');
  for (let tick = 0; tick < ticks; tick++) {
    const timeMs = startMs + tick * 1000;
    workload.step(timeMs);
    const time = new Date(timeMs).toISOString();
    const values = Array.from(workload.hundredths, (value) => (value / 100).toFixed(2));
    const text =
      form === 'wide'
        ? `${time},${values.join(',')}\n`
        : paths.map((name, index) => `${time},${name},${values[index]}\n`).join('');
    if (!out.write(text)) await once(out, 'drain');
  }
  out.end();
  await finished(out);
  return {
    path,
    readings: workload.readings,
    checksum: workload.checksum.toString(),
    from_ms: startMs,
    to_ms: startMs + (ticks - 1) * 1000,
  };
}
