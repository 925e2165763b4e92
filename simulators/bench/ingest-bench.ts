import { now } from '../../core/clock.ts';
import type { PlantSize } from './bench-plant.ts';
import type { Bench } from './context.ts';
import { gateDuplicates, gatePlans, gateRollups, gateRows } from './gates.ts';
import { calibrate, loaderName, writeRowFile } from './load-rows.ts';
import { runIngest, type MeasuredRun, type Rig } from './measured-run.ts';
import { openPlantDatabase, openRig } from './rig.ts';
import { median, oddAndEven, ratioInterval } from './statistics.ts';

/** 1,800 signals on devices of 50: one DDATA message of 50 metrics a device and tick. */
const size: PlantSize = { lines: 6, machines_per_line: 6, signals_per_machine: 50 };
const signals = size.lines * size.machines_per_line * size.signals_per_machine;

/**
 * Sparkplug B, 50 metrics a message, from the publisher through broker, ingest and journal into the table, beside what a
 * hand-written COPY of the same rows reaches: L0 (bare heap) and L1 (the same table with its indexes), in turns.
 */
export async function ingestBench(bench: Bench): Promise<void> {
  const plant = await openPlantDatabase(bench, size, 'sparkplug');
  const { database } = plant;
  const ticks = Math.max(100, Math.round((bench.seconds * 300_000) / signals));
  const file = await writeRowFile(bench.runDir, plant.signalIds, ticks, now() - ticks, 1, bench.result.seed);
  bench.atEnd(() => file.remove());
  bench.result.versions['calibrator'] = loaderName();
  const rig = await openRig(bench, plant, size, 'sparkplug', 'roomy');
  const l0: number[] = [];
  const l1: number[] = [];
  const again: number[] = [];
  const runs: MeasuredRun[] = [];
  // A third more than the table takes, so that the table is the limit. Sparkplug is QoS 0: what is offered beyond what
  // ingest can keep in memory would be counted as dropped.
  let surplus = 1.33;
  for (let repeat = 0; repeat <= bench.repeats; repeat++) {
    const first = await calibrate(database, file);
    const drain = async (): Promise<MeasuredRun> => {
      const step = (signals / (first.l1 * surplus)) * 1000;
      const order = { ticks, start_ms: now(), step_ms: step, paced: true };
      const run = await runIngest(rig, order);
      const wrong =
        run.missing > 0 && surplus > 1
          ? [`${run.missing} of ${run.report.readings} are missing when ${surplus.toFixed(2)} × L1 is offered`]
          : await gateRows(database, run.report, order.start_ms, order.start_ms + ticks * step);
      await database.clear();
      if (wrong.length === 0) return run;
      if (surplus <= 1) {
        bench.refuse(wrong.join('; '));
        return run;
      }
      bench.say(`${wrong.join('; ')}; less is offered now`);
      surplus *= 0.9;
      return drain();
    };
    const run = repeat === 1 ? await bench.profiled(drain) : await drain();
    const second = await calibrate(database, file);
    bench.say(
      `${repeat === 0 ? 'warm-up' : `repeat ${repeat}`}: L0 ${show(first.l0)}, L1 ${show(first.l1)} and ${show(second.l1)}, Millrace ${show(run.readings_per_second)} readings/s`,
    );
    // The first round warms caches, chunks and the JIT of Node, and is not counted.
    if (repeat === 0) continue;
    l0.push(first.l0);
    l1.push(first.l1);
    again.push(second.l1);
    runs.push(run);
  }
  bench.result.notes.push(`Offered while the fastest rate was measured: ${surplus.toFixed(2)} × L1 of the same turn.`);
  reportRates(bench, l0, l1, again, runs);
  if (!bench.isProfile) await sustain(bench, rig, median(runs.map((run) => run.readings_per_second)), median(l1));
  await gates(bench, rig);
}

const show = (rate: number): string => `${(rate / 1000).toFixed(0)}k`;

function reportRates(bench: Bench, l0: number[], l1: number[], again: number[], runs: MeasuredRun[]): void {
  const rates = runs.map((run) => run.readings_per_second);
  const unit = 'rows/s';
  bench.measure({ what: 'L0: binary COPY into a bare heap', value: median(l0), unit, repeats: l0 });
  bench.measure({ what: 'L1: binary COPY into the table with its indexes', value: median(l1), unit, repeats: l1 });
  bench.measure({ what: 'Millrace, as fast as it goes', value: median(rates), unit: 'readings/s', repeats: rates });
  const ratio = ratioInterval(rates, l1);
  bench.measure({ what: 'Millrace / L1', ...ratio, unit: '', goal: { text: '≥ 0.75', met: ratio.value >= 0.75 } });
  bench.compareSame('L1 before and after', l1, again);
  bench.compareSame('Millrace, odd and even repeats', ...oddAndEven(rates));
  for (const name of ['ingest', 'broker', 'database', 'publisher'] as const) {
    const cost = median(runs.map((run) => (run.cpu[name] / run.report.readings) * 1e6));
    const goal = name === 'ingest' ? { goal: { text: '≤ 0.3 µs', met: cost <= 0.3 } } : {};
    bench.measure({ what: `CPU of the ${name}`, value: cost, unit: 'µs a reading', ...goal });
  }
  bench.measure({
    what: 'WAL',
    value: median(runs.map((run) => run.wal_bytes / run.report.readings)),
    unit: 'B a reading',
  });
}

interface Held {
  rate: number;
  lag_ms: MeasuredRun['lag_ms'];
  seconds: number;
}

const rateStep = 0.04;
const sustainedSeconds = 60;

/**
 * The highest rate that is held for a minute with nothing lost and p99 from source time to commit below a second. Short runs
 * look for the neighbourhood in steps of 4 %, up from the fastest drain while that is held, else down from it; what they
 * found is then held for the whole time, or less is, in growing steps, because each takes a minute.
 */
async function sustain(bench: Bench, rig: Rig, fastest: number, l1: number): Promise<void> {
  let notHeld = Number.POSITIVE_INFINITY;
  const hold = async (rate: number, seconds: number): Promise<Held | undefined> => {
    const held = await tryRate(bench, rig, rate, seconds);
    if (held === undefined) notHeld = Math.min(notHeld, rate);
    return held;
  };
  let rate = fastest;
  let held = await hold(rate, bench.seconds);
  const factor = held === undefined ? 1 - rateStep : 1 + rateStep;
  for (let attempt = 0; attempt < 6; attempt++) {
    const isUp = held !== undefined;
    held = await hold(rate * factor, bench.seconds);
    if (isUp && held === undefined) break;
    rate *= factor;
    if (!isUp && held !== undefined) break;
  }
  let best: Held | undefined;
  for (let attempt = 1; attempt <= 4 && best === undefined; attempt++) {
    best = await hold(rate, sustainedSeconds);
    rate *= 1 - rateStep * attempt;
  }
  if (best === undefined) {
    const refused = `no rate down to ${show(notHeld)} was held for a minute with nothing lost and p99 below a second`;
    bench.measure({ what: 'sustained / L1', value: notHeld / l1, unit: '', refused });
    return;
  }
  const { lag_ms, seconds } = best;
  bench.result.notes.push(
    'While a rate is held, publisher, broker, ingest and database run. Analytics, API and the refresh of rollups do not: the plant benches have them on.',
  );
  bench.measure({
    what: 'Millrace, sustained',
    value: best.rate,
    unit: 'readings/s',
    note: `one run of ${seconds} s; ${show(notHeld)} was not held`,
  });
  bench.measure({
    what: 'sustained / L1',
    value: best.rate / l1,
    unit: '',
    goal: { text: '≥ 0.75', met: best.rate / l1 >= 0.75 },
  });
  bench.measure({ what: 'lag at the sustained rate, p50', value: lag_ms.p50, unit: 'ms' });
  bench.measure({
    what: 'lag at the sustained rate, p99',
    value: lag_ms.p99,
    unit: 'ms',
    goal: { text: '< 1 s, nothing lost', met: true },
  });
}

async function tryRate(bench: Bench, rig: Rig, rate: number, seconds: number): Promise<Held | undefined> {
  await rig.database.clear();
  const stepMs = Math.max(1, (signals / rate) * 1000);
  const ticks = Math.round((seconds * 1000) / stepMs);
  const order = { ticks, start_ms: now() + 200, step_ms: stepMs, paced: true };
  const run = await runIngest(rig, order);
  const wrong = await gateRows(rig.database, run.report, order.start_ms, order.start_ms + ticks * stepMs);
  bench.say(
    `${show(rate)} readings/s for ${seconds} s: p50 ${run.lag_ms.p50.toFixed(0)} ms, p99 ${run.lag_ms.p99.toFixed(0)} ms, ${run.missing} missing, publisher at most ${run.report.worst_delay_ms.toFixed(0)} ms late`,
  );
  const isHeld = wrong.length === 0 && run.missing === 0 && run.lost_upstream === 0 && run.lag_ms.p99 < 1000;
  return isHeld ? { rate: (signals / stepMs) * 1000, lag_ms: run.lag_ms, seconds } : undefined;
}

async function gates(bench: Bench, rig: Rig): Promise<void> {
  const { database } = rig;
  await database.clear();
  const order = { ticks: 300, start_ms: now() - 130_000, step_ms: 400, paced: false };
  const run = await runIngest(rig, order);
  const to = order.start_ms + order.ticks * order.step_ms;
  for (const reason of await gateRows(database, run.report, order.start_ms, to)) bench.refuse(reason);
  for (const reason of await gateRollups(database, order.start_ms, to)) bench.refuse(reason);
  for (const reason of await gatePlans(database)) bench.refuse(reason);
  const [size_] = await database.database.query<{ bytes: number }>(sizeOf(database.engine));
  bench.measure({
    what: 'disk before compression',
    value: (size_?.bytes ?? 0) / run.report.readings,
    unit: 'B a reading',
  });
  // The walk goes on, so that the same times come with other values: duplicates, and conflicts.
  const repeated = await runIngest(rig, { ...order, ticks: 20 }, { counts: 'duplicate' });
  for (const reason of await gateDuplicates(database, run.report.readings, repeated.report.readings))
    bench.refuse(reason);
}

function sizeOf(engine: string): string {
  return engine === 'timescale'
    ? `select hypertable_size('reading')::float8 as bytes`
    : `select sum(pg_total_relation_size(inhrelid))::float8 as bytes from pg_inherits where inhparent = 'reading'::regclass`;
}
