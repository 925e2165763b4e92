import { now } from '../../core/clock.ts';
import { benchNodes, type PlantSize } from './bench-plant.ts';
import type { Bench } from './context.ts';
import { gateRows } from './gates.ts';
import { runIngest, type MeasuredRun } from './measured-run.ts';
import { processUsage } from './process-usage.ts';
import { openPlantDatabase, openRig } from './rig.ts';
import { startPublisher } from './publisher.ts';
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
  const ticks = Math.max(10, Math.round((bench.seconds * 25_000) / signals));
  const rig = await openRig(bench, plant, size, 'mqtt', 'roomy');
  const m0: number[] = [];
  const m1: number[] = [];
  const runs: MeasuredRun[] = [];
  const gone: number[] = [];
  for (let repeat = 0; repeat <= bench.repeats; repeat++) {
    const zero = await runNull(bench, 0, ticks, plant.signalIds);
    const one = await runNull(bench, 1, ticks, plant.signalIds);
    const order = { ticks, start_ms: now() - ticks, step_ms: 1, paced: false };
    const run = repeat === 1 ? await bench.profiled(() => runIngest(rig, order)) : await runIngest(rig, order);
    for (const reason of await gateRows(plant.database, run.report, order.start_ms, order.start_ms + ticks))
      bench.refuse(reason);
    await plant.database.clear();
    bench.say(
      `${repeat === 0 ? 'warm-up' : `repeat ${repeat}`}: M0 ${one_(zero.rate)}, M1 ${one_(one.rate)}, Millrace ${one_(run.readings_per_second)} messages/s`,
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
  await stock(bench, plant, median(rates));
}

const one_ = (rate: number): string => `${(rate / 1000).toFixed(1)}k`;

/** The same on mosquitto as it comes, paced below the fastest: nothing may be lost in its queue of 1,000 messages. */
async function stock(
  bench: Bench,
  plant: Awaited<ReturnType<typeof openPlantDatabase>>,
  fastest: number,
): Promise<void> {
  const rig = await openRig(bench, plant, size, 'mqtt', 'stock');
  for (let rate = fastest * 0.9, attempt = 0; attempt < 6; attempt++, rate *= 0.85) {
    await plant.database.clear();
    const step = (signals / rate) * 1000;
    const ticks = Math.max(2, Math.round((bench.seconds * 1000) / step));
    const order = { ticks, start_ms: now() + 200, step_ms: step, paced: true };
    const run = await runIngest(rig, order);
    bench.say(`stock broker, ${one_(rate)} messages/s: ${run.missing} missing, p99 ${run.lag_ms.p99.toFixed(0)} ms`);
    if (run.missing > 0) continue;
    bench.measure({
      what: 'stock broker, sustained with nothing lost',
      value: rate,
      unit: 'messages/s',
      goal: { text: '≥ 20,000', met: rate >= 20_000 },
    });
    bench.measure({ what: 'stock broker, lag p99', value: run.lag_ms.p99, unit: 'ms' });
    return;
  }
  bench.result.notes.push('On the broker as it comes, messages were lost at every rate that was tried.');
}

async function runNull(
  bench: Bench,
  qos: 0 | 1,
  ticks: number,
  signalIds: number[],
): Promise<{ rate: number; missing: number; cpu: number }> {
  const broker = await bench.broker('roomy');
  const subscriber = await bench.room('simulators/bench/null-subscriber-main.ts', {}, [broker.url, String(qos)]);
  const publisher = await startPublisher({
    url: broker.url,
    protocol: 'mqtt',
    nodes: benchNodes(size),
    signal_ids: signalIds,
    seed: bench.result.seed,
  });
  const before = processUsage(subscriber.pid).cpu_seconds;
  const report = await publisher.publish({ ticks, start_ms: now() - ticks, step_ms: 1, paced: false });
  const { received, last_at_ms } = await subscriber.ask<NullReport>(
    { expect: report.readings },
    (answer) => 'received' in answer,
  );
  const cpu = processUsage(subscriber.pid).cpu_seconds - before;
  await publisher.close();
  await bench.stop(subscriber);
  await bench.stop(broker);
  return { rate: (received / (last_at_ms - report.started_at_ms)) * 1000, missing: report.readings - received, cpu };
}
