import { now } from '../../core/clock.ts';
import { findProgram } from './bench-broker.ts';
import { benchNodes, type PlantSize } from './bench-plant.ts';
import type { Bench } from './context.ts';
import { gatePlans, gateRows } from './gates.ts';
import { runIngest, type MeasuredRun } from './measured-run.ts';
import { processUsage } from './process-usage.ts';
import { openPlantDatabase, openRig } from './rig.ts';
import { startPublisher, type PublishOrder } from './publisher.ts';
import { median, oddAndEven, ratioInterval } from './statistics.ts';

/** 1,800 signals over six connections, one JSON reading a message. */
const size: PlantSize = { lines: 6, machines_per_line: 6, signals_per_machine: 50 };
const signals = 1800;

interface NullReport {
  received: number;
  last_at_ms: number;
}

/**
 * JSON, one reading a message, QoS 1, durable before it is acknowledged, beside a bare MQTT.js subscriber that throws
 * everything away (M0 at QoS 0, M1 at QoS 1), in turns, on the same broker and from the same publisher.
 */
export async function jsonBench(bench: Bench): Promise<void> {
  const plant = await openPlantDatabase(bench, size, 'mqtt');
  const ticks = Math.max(10, Math.round((bench.seconds * 40_000) / signals));
  const rig = await openRig(bench, plant, size, 'mqtt', 'roomy');
  const unpaced = (): PublishOrder => ({ ticks, start_ms: now() - ticks, step_ms: 1, paced: false });
  const m0: number[] = [];
  const m1: number[] = [];
  const runs: MeasuredRun[] = [];
  const gone: number[] = [];
  for (let repeat = 0; repeat <= bench.repeats; repeat++) {
    const zero = await runNull(bench, 0, 'alone', unpaced, plant.signalIds);
    const one = await runNull(bench, 1, 'alone', unpaced, plant.signalIds);
    const order = unpaced();
    const run = repeat === 1 ? await bench.profiled(() => runIngest(rig, order)) : await runIngest(rig, order);
    for (const reason of await gateRows(plant.database, run.report, order.start_ms, order.start_ms + ticks))
      bench.refuse(reason);
    // An empty table is read without any index.
    if (repeat === bench.repeats) for (const reason of await gatePlans(plant.database)) bench.refuse(reason);
    await plant.database.clear();
    bench.say(
      `${repeat === 0 ? 'warm-up' : `repeat ${repeat}`}: M0 ${show(zero.rate)}, M1 ${show(one.rate)}, Millrace ${show(run.readings_per_second)} messages/s`,
    );
    if (repeat === 0) continue;
    m0.push(zero.rate);
    m1.push(one.rate);
    gone.push(one.missing);
    runs.push(run);
  }
  const rates = runs.map((run) => run.readings_per_second);
  bench.measure({ what: 'M0: bare subscriber, QoS 0', value: median(m0), unit: 'messages/s', repeats: m0 });
  bench.measure({ what: 'M1: bare subscriber, QoS 1', value: median(m1), unit: 'messages/s', repeats: m1 });
  bench.measure({
    what: 'Millrace, JSON, one reading a message, QoS 1, durable',
    value: median(rates),
    unit: 'readings/s',
    repeats: rates,
  });
  bench.compareSame('M1, odd and even repeats', ...oddAndEven(m1));
  bench.compareSame('Millrace, odd and even repeats', ...oddAndEven(rates));
  const ratio = ratioInterval(rates, m1);
  bench.measure({ what: 'Millrace / M1', ...ratio, unit: '', goal: { text: '≥ 0.8', met: ratio.value >= 0.8 } });
  const cost = median(runs.map((run) => (run.cpu.ingest / run.report.readings) * 1e6));
  bench.measure({
    what: 'CPU of the ingest',
    value: cost,
    unit: 'µs a reading',
    goal: { text: '≤ 10 µs', met: cost <= 10 },
  });
  bench.measure({
    what: 'CPU of the broker',
    value: median(runs.map((run) => (run.cpu.broker / run.report.readings) * 1e6)),
    unit: 'µs a reading',
  });
  if (median(gone) > 0) bench.result.notes.push(`The bare subscriber missed ${median(gone)} messages at QoS 1.`);
  // A gateway number may be in use once only.
  await bench.stop(rig.ingest);
  if (findProgram('mosquitto') === undefined)
    bench.result.notes.push('mosquitto is not on the PATH, so nothing was measured with mosquitto as it comes.');
  else await stock(bench, plant, median(rates), median(m1));
}

const show = (rate: number): string => `${(rate / 1000).toFixed(1)}k`;

/**
 * The same on mosquitto as it comes: paced, because its queue of 1,000 messages is lost from as soon as a subscriber is
 * slower than its publishers. The highest rate at which nothing is lost.
 */
async function stock(
  bench: Bench,
  plant: Awaited<ReturnType<typeof openPlantDatabase>>,
  fastest: number,
  m1: number,
): Promise<void> {
  const order = (rate: number): PublishOrder => {
    const step = (signals / rate) * 1000;
    return {
      ticks: Math.max(2, Math.round((bench.seconds * 1000) / step)),
      start_ms: now() + 200,
      step_ms: step,
      paced: true,
    };
  };
  const bare = await runNull(bench, 1, 'stock', () => order(m1 / 2), plant.signalIds);
  bench.measure({
    what: 'stock broker: lost by the bare subscriber at half of M1',
    value: (bare.missing / bare.sent) * 100,
    unit: '%',
    note: 'what the queue of 1,000 messages has no room for; so M1 was measured with the limits lifted',
  });
  const rig = await openRig(bench, plant, size, 'mqtt', 'stock');
  let lag = Number.NaN;
  const held = await highestHeld(0.4 * fastest, 1.2 * fastest, async (rate) => {
    await plant.database.clear();
    const run = await runIngest(rig, order(rate), { patienceMs: 6000 });
    bench.say(
      `stock broker, Millrace at ${show(rate)} messages/s: ${run.missing} missing, p99 ${run.lag_ms.p99.toFixed(0)} ms`,
    );
    if (run.missing === 0) lag = run.lag_ms.p99;
    return run.missing === 0;
  });
  if (held === undefined) {
    bench.refuse('on the broker as it comes, messages were lost at every rate that was tried');
    return;
  }
  bench.measure({
    what: 'stock broker: Millrace, the highest rate with nothing lost',
    value: held,
    unit: 'messages/s',
    note: `each rate for ${bench.seconds} s, found to within ${((0.8 / 2 ** halvings) * 100).toFixed(1)} %`,
  });
  bench.measure({
    what: 'stock broker: Millrace / M1',
    value: held / m1,
    unit: '',
    goal: { text: '≥ 0.8', met: held / m1 >= 0.8 },
  });
  bench.measure({ what: 'stock broker: lag of Millrace at that rate, p99', value: lag, unit: 'ms' });
}

const halvings = 5;

/** Halves the range between a rate that is held and one that is not; undefined when none was held. */
async function highestHeld(
  low: number,
  high: number,
  isHeld: (rate: number) => Promise<boolean>,
): Promise<number | undefined> {
  let held: number | undefined;
  let [from, to] = [low, high];
  for (let step = 0; step < halvings; step++) {
    const rate = (from + to) / 2;
    if (await isHeld(rate)) held = from = rate;
    else to = rate;
  }
  return held;
}

async function runNull(
  bench: Bench,
  qos: 0 | 1,
  kind: 'alone' | 'stock',
  order: () => PublishOrder,
  signalIds: number[],
): Promise<{ rate: number; sent: number; missing: number; cpu: number }> {
  const broker = await bench.broker(kind);
  const subscriber = await bench.room('simulators/bench/null-subscriber-main.ts', {}, [broker.url, String(qos)]);
  const publisher = await startPublisher({
    url: broker.url,
    protocol: 'mqtt',
    nodes: benchNodes(size),
    signal_ids: signalIds,
    seed: bench.result.seed,
  });
  const before = processUsage(subscriber.pid).cpu_seconds;
  const report = await publisher.publish(order());
  const { received, last_at_ms } = await subscriber.ask<NullReport>(
    { expect: report.readings },
    (answer) => 'received' in answer,
  );
  const cpu = processUsage(subscriber.pid).cpu_seconds - before;
  await publisher.close();
  await bench.stop(subscriber);
  await bench.stop(broker);
  return {
    rate: (received / (last_at_ms - report.started_at_ms)) * 1000,
    sent: report.readings,
    missing: report.readings - received,
    cpu,
  };
}
