import { createWriteStream, mkdtempSync } from 'node:fs';
import { once } from 'node:events';
import { join } from 'node:path';
import { finished } from 'node:stream/promises';
import { parquetWriteBuffer } from 'hyparquet-writer';
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
 * History from CSV and Parquet while nothing else runs, and once more while live readings come at the plant's rate: how fast
 * it goes, and what it does to the lag of the live ones.
 */
export async function backfillBench(bench: Bench): Promise<void> {
  const plant = await openPlantDatabase(bench, size, 'sparkplug');
  const folder = mkdtempSync(join(bench.runDir, 'history-'));
  const seconds = Math.max(600, bench.seconds);
  const start = Math.floor(now() / dayMs) * dayMs - 6 * dayMs;
  bench.say('writing the files');
  const write = (name: string, ticks: number, day: number): Promise<HistoryFile> =>
    writeHistory(join(folder, name), plant.signalIds, ticks, start + day * dayMs, day + 1);
  const environment = { DATABASE_URL: plant.database.url, LOG_LEVEL: 'warn' };
  for (const [what, file] of [
    ['wide CSV (a column a sensor)', await write('wide.csv', seconds, 0)],
    ['long CSV (a row a reading)', await write('long.csv', Math.round(seconds / 2), 2)],
    ['wide Parquet (a column a sensor)', await write('wide.parquet', Math.round(seconds / 2), 4)],
  ] as const) {
    const began = monotonic();
    const said = await runProgram('ingest/backfill/main.ts', [file.path], environment);
    report(bench, what, file, said, (monotonic() - began) / 1000);
    for (const reason of await gateRows(plant.database, file, file.from_ms, file.to_ms)) bench.refuse(reason);
    for (const reason of await gateRollups(plant.database, file.from_ms, file.to_ms)) bench.refuse(reason);
  }
  await besideLive(bench, plant, await write('again.csv', seconds, 3), environment);
}

/** Two rates: of the command, from its start to its end, and of the part that puts readings into their table. */
function report(bench: Bench, what: string, file: HistoryFile, said: string, wall: number): void {
  const phases = new Map(
    [...said.matchAll(/^(reading|merging|rollups).*, in ([\d.]+) s$/gm)].map((match) => [
      match[1] ?? '',
      Number(match[2]),
    ]),
  );
  const of = (phase: string): number => phases.get(phase) ?? Number.NaN;
  const loading = of('reading') + (phases.get('merging') ?? 0);
  const isGoal = bench.engine === 'timescale' && what.startsWith('wide CSV (');
  bench.measure({
    what: `${what}: readings stored a second (reading, sorting, storing, merging)`,
    value: file.readings / loading,
    unit: 'readings/s',
    note: `one run of ${file.readings.toLocaleString('en')} readings; reading ${of('reading').toFixed(2)} s, merging ${(phases.get('merging') ?? 0).toFixed(2)} s`,
    ...(isGoal && { goal: { text: '≥ 1,000,000/s', met: file.readings / loading >= 1e6 } }),
  });
  bench.measure({
    what: `${what}: the whole command, with its start and all rollups`,
    value: file.readings / wall,
    unit: 'readings/s',
    note: `${wall.toFixed(1)} s, of which rollups ${of('rollups').toFixed(1)} s`,
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
  const alone = await live(10);
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
  report(bench, 'wide CSV beside live readings at 1,781/s', file, said, (monotonic() - began) / 1000);
  bench.measure({ what: 'live lag alone, p99', value: alone.lag_ms.p99, unit: 'ms' });
  bench.measure({ what: 'live lag beside the back-fill, worst p99 of 5 s', value: Math.max(...lags), unit: 'ms' });
  bench.measure({ what: 'live lag beside the back-fill, worst of all', value: worst, unit: 'ms' });
  for (const reason of await gateRows(plant.database, file, file.from_ms, file.to_ms)) bench.refuse(reason);
}

/** A file in the form that its name says. Parquet is made in memory, as its writer wants it. */
async function writeHistory(
  path: string,
  signalIds: readonly number[],
  ticks: number,
  startMs: number,
  seed: number,
): Promise<HistoryFile> {
  const paths = benchSignals(size).map((signal) => benchAddress('mqtt', signal));
  const workload = createWorkload(signalIds, seed);
  const isParquet = path.endsWith('.parquet');
  const isLong = path.endsWith('long.csv');
  const columns = isParquet ? paths.map(() => new Float64Array(ticks)) : [];
  const out = createWriteStream(path);
  if (!isParquet) out.write(isLong ? 'time,signal,value\n' : `time,${paths.join(',')}\n`);
  for (let tick = 0; tick < ticks; tick++) {
    const timeMs = startMs + tick * 1000;
    workload.step(timeMs);
    if (isParquet) {
      for (const [index, column] of columns.entries()) column[tick] = (workload.hundredths[index] ?? 0) / 100;
      continue;
    }
    const time = new Date(timeMs).toISOString();
    const values = Array.from(workload.hundredths, (value) => (value / 100).toFixed(2));
    const text = isLong
      ? paths.map((name, index) => `${time},${name},${values[index]}\n`).join('')
      : `${time},${values.join(',')}\n`;
    if (!out.write(text)) await once(out, 'drain');
  }
  if (isParquet) {
    const times = Array.from({ length: ticks }, (_, tick) => new Date(startMs + tick * 1000));
    const columnData = [
      { name: 'time', data: times, type: 'TIMESTAMP' as const },
      ...paths.map((name, index) => ({ name, data: columns[index] ?? [], type: 'DOUBLE' as const })),
    ];
    out.write(Buffer.from(parquetWriteBuffer({ columnData, rowGroupSize: 10_000 })));
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
