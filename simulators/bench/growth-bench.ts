import { monotonic, now } from '../../core/clock.ts';
import type { PlantSize } from './bench-plant.ts';
import type { Bench } from './context.ts';
import { loadRows, writeRowFile } from './load-rows.ts';
import { runIngest } from './measured-run.ts';
import { openPlantDatabase, openRig } from './rig.ts';
import { growthExponent, median } from './statistics.ts';

const plant = (lines: number): PlantSize => ({ lines, machines_per_line: 13, signals_per_machine: 137 });

/** How cost grows: with sensors (at 1 Hz), with the rate (of 1,781 sensors), and with the history that is stored. */
export async function growthBench(bench: Bench): Promise<void> {
  await withSensors(bench);
  await withRate(bench);
  await withHistory(bench);
}

async function withSensors(bench: Bench): Promise<void> {
  const points: { x: number; y: number }[] = [];
  for (const lines of [1, 3, 10]) {
    const opened = await openPlantDatabase(bench, plant(lines), 'sparkplug');
    const rig = await openRig(bench, opened, plant(lines), 'sparkplug', 'roomy');
    points.push({ x: lines * 1781, y: await corePercent(bench, rig, 1000) });
    await bench.stop(rig.ingest);
    await rig.publisher.close();
    await bench.stop(rig.broker);
    await bench.stop(opened.database);
  }
  addCurve(bench, 'CPU of ingest and database at 1 Hz', 'sensors', '% of a core', points);
}

async function withRate(bench: Bench): Promise<void> {
  const opened = await openPlantDatabase(bench, plant(1), 'sparkplug');
  const rig = await openRig(bench, opened, plant(1), 'sparkplug', 'roomy');
  const points: { x: number; y: number }[] = [];
  for (const step of [1000, 100, 10]) points.push({ x: (1781 * 1000) / step, y: await corePercent(bench, rig, step) });
  await bench.stop(rig.ingest);
  await bench.stop(opened.database);
  addCurve(bench, 'CPU of ingest and database, 1,781 sensors', 'readings/s', '% of a core', points);
}

async function corePercent(bench: Bench, rig: Awaited<ReturnType<typeof openRig>>, stepMs: number): Promise<number> {
  await rig.database.clear();
  const order = {
    ticks: Math.round((bench.seconds * 1000) / stepMs),
    start_ms: now() + 300,
    step_ms: stepMs,
    paced: true,
  };
  const run = await runIngest(rig, order);
  if (run.missing > 0) bench.refuse(`${run.missing} readings are missing at ${stepMs} ms`);
  const percent = ((run.cpu.ingest + run.cpu.database) / bench.seconds) * 100;
  bench.say(
    `${run.report.readings.toLocaleString('en')} readings in ${bench.seconds} s: ${percent.toFixed(1)} % of a core`,
  );
  return percent;
}

async function withHistory(bench: Bench): Promise<void> {
  bench.result.notes.push(
    'Growth with history goes up to 43 minutes of the whole plant in rows, all of them uncompressed. What queries cost over 90 days, at the levels of rollups, stands in the bench “queries”; days in the columnstore are not measured.',
  );
  const { database, signalIds } = await openPlantDatabase(bench, plant(1), 'sparkplug');
  const latest: { x: number; y: number }[] = [];
  const range: { x: number; y: number }[] = [];
  const late: { x: number; y: number }[] = [];
  const hour = 3600;
  let end = Math.floor(now() / 3_600_000) * 3_600_000 - 3_600_000;
  let stored = 0;
  for (const seconds of [hour / 18, hour / 6, hour / 2]) {
    const file = await writeRowFile(bench.runDir, signalIds, seconds, end - seconds * 1000, 1000, seconds);
    await loadRows(database, 'reading', file);
    await file.remove();
    stored += file.rows;
    await database.database.query('vacuum (analyze) reading');
    const from = new Date(end - 60_000).toISOString();
    latest.push({
      x: stored,
      y: await timed(() =>
        database.database.query(
          'select distinct on (signal_id) signal_id, time, value from reading order by signal_id, time desc',
        ),
      ),
    });
    let index = 0;
    range.push({
      x: stored,
      y: await timed(() =>
        database.database.query(
          'select time, value from reading where signal_id = $1 and time >= $2::timestamptz order by time desc limit 1000',
          [signalIds[(index++ * 31) % signalIds.length], from],
        ),
      ),
    });
    const instant = new Date(end - 90_000).toISOString();
    await database.database.withConnection((connection) =>
      connection.query('call refresh_rollups($1::timestamptz, $1::timestamptz)', [instant]),
    );
    let second = 0;
    late.push({
      x: stored,
      y: await timed(async () => {
        await database.database.query(
          `insert into reading (time, signal_id, value, quality) values ($1::timestamptz + $3 * interval '1 ms', $2, 5, 192) on conflict do nothing`,
          [instant, signalIds[0], ++second],
        );
        // As analytics does it for a late reading.
        await database.database.withConnection((connection) =>
          connection.query('call refresh_rollup_minutes(array[$1::int], array[$2::timestamptz])', [
            signalIds[0],
            instant,
          ]),
        );
      }),
    });
    end -= seconds * 1000;
  }
  addCurve(bench, 'newest reading of every sensor from the readings themselves', 'readings stored', 'ms', latest);
  addCurve(bench, 'last minute of one sensor', 'readings stored', 'ms', range);
  addCurve(bench, 'one late reading → rollups right', 'readings stored', 'ms', late);
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const times: number[] = [];
  const started = monotonic();
  // Eleven times after two that are not counted; of what is slow, three times.
  for (let repeat = -2; repeat < (monotonic() - started > 3000 ? 3 : 11); repeat++) {
    const began = monotonic();
    await work();
    if (repeat >= 0) times.push(monotonic() - began);
  }
  return median(times);
}

function addCurve(bench: Bench, what: string, x: string, y: string, points: { x: number; y: number }[]): void {
  const exponent = growthExponent(points);
  bench.result.curves.push({ what, x, y, points, exponent });
  bench.measure({
    what: `${what}: exponent`,
    value: exponent,
    unit: '',
    note: points
      .map((point) => `${Math.round(point.x).toLocaleString('en')} ${x}: ${point.y.toPrecision(3)} ${y}`)
      .join(', '),
  });
}
