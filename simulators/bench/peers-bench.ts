import type { PlantSize } from './bench-plant.ts';
import type { Bench } from './context.ts';
import { gateRows } from './gates.ts';
import { now } from '../../core/clock.ts';
import { runIngest } from './measured-run.ts';
import { runNodeRed } from './node-red.ts';
import { installPackages, runPeer, type PeerRun, type PeerWay } from './peers.ts';
import { openPlantDatabase, openRig } from './rig.ts';
import { findProgram } from './bench-broker.ts';
import { median, ratioInterval } from './statistics.ts';

const size: PlantSize = { lines: 6, machines_per_line: 6, signals_per_machine: 50 };
const signals = 1800;

interface Contender {
  what: string;
  protocol: 'mqtt' | 'sparkplug';
  /** About what it reaches, so that each run takes --seconds. */
  expected: number;
  run(ticks: number): Promise<PeerRun>;
}

/**
 * What people write by hand and what they take from the shelf, beside Millrace: the same bytes through the same broker into
 * the same table with the same durability, in turns. The single-reading JSON is what such programs usually get; the
 * 50-metric Sparkplug is what Millrace is fastest at, and the batching peers get it too, with our own decoder.
 */
export async function peersBench(bench: Bench): Promise<void> {
  const plant = { ...(await openPlantDatabase(bench, size, 'sparkplug')), size };
  const binary = await installPackages(bench, ['pg-copy-streams-binary@2.2.0']);
  const red = await installPackages(bench, ['node-red@5.0.7', 'pg@8.23.1']);
  if (findProgram('telegraf') === undefined)
    bench.result.notes.push('Telegraf is not on the PATH, so it was not measured.');
  else
    bench.result.notes.push(
      'Telegraf is on the PATH; this bench has no configuration for it yet, so it was not measured.',
    );
  const peer = (way: PeerWay, protocol: 'mqtt' | 'sparkplug', packages?: string) => (ticks: number) =>
    runPeer(bench, plant, { way, protocol, ticks, packages });
  const json = 'JSON, one reading a message';
  const contenders: Contender[] = [
    { what: `one INSERT a message; ${json}`, protocol: 'mqtt', expected: 7000, run: peer('insert', 'mqtt') },
    { what: `1,000-row VALUES; ${json}`, protocol: 'mqtt', expected: 40_000, run: peer('values', 'mqtt') },
    { what: `1,000-row text COPY; ${json}`, protocol: 'mqtt', expected: 40_000, run: peer('text', 'mqtt') },
    {
      what: '1,000-row VALUES; Sparkplug, 50 a message',
      protocol: 'sparkplug',
      expected: 100_000,
      run: peer('values', 'sparkplug'),
    },
    {
      what: '1,000-row text COPY; Sparkplug, 50 a message',
      protocol: 'sparkplug',
      expected: 150_000,
      run: peer('text', 'sparkplug'),
    },
    ...(binary === undefined
      ? []
      : [
          {
            what: '1,000-row pg-copy-streams-binary; Sparkplug, 50 a message',
            protocol: 'sparkplug' as const,
            expected: 120_000,
            run: peer('package', 'sparkplug', binary),
          },
        ]),
    ...(red === undefined
      ? []
      : [
          {
            what: `Node-RED with pg; ${json}`,
            protocol: 'mqtt' as const,
            expected: 5000,
            run: (ticks: number) => runNodeRed(bench, plant, red, ticks),
          },
        ]),
  ];
  const rig = await openRig(bench, plant, size, 'sparkplug', 'roomy');
  const ticks = (rate: number): number => Math.max(2, Math.round((rate * bench.seconds) / signals));
  const rates = new Map<string, number[]>();
  const cpu = new Map<string, number[]>();
  const ours: number[] = [];
  for (let repeat = 1; repeat <= bench.repeats; repeat++) {
    const order = { ticks: ticks(300_000), start_ms: now() - ticks(300_000), step_ms: 1, paced: false };
    const run = await runIngest(rig, order);
    for (const reason of await gateRows(plant.database, run.report, order.start_ms, order.start_ms + order.ticks))
      bench.refuse(reason);
    await plant.database.clear();
    ours.push(run.readings_per_second);
    bench.say(`repeat ${repeat}: Millrace ${Math.round(run.readings_per_second).toLocaleString('en')}/s`);
    for (const contender of contenders) {
      const peerRun = await contender.run(ticks(contender.expected));
      if (peerRun.missing > 0)
        bench.result.notes.push(`"${contender.what}" lost ${peerRun.missing} readings in repeat ${repeat}.`);
      rates.set(contender.what, [...(rates.get(contender.what) ?? []), peerRun.readings_per_second]);
      cpu.set(contender.what, [...(cpu.get(contender.what) ?? []), peerRun.cpu_us]);
      bench.say(
        `repeat ${repeat}: ${contender.what} ${Math.round(peerRun.readings_per_second).toLocaleString('en')}/s`,
      );
    }
  }
  bench.measure({ what: 'Millrace; Sparkplug, 50 a message', value: median(ours), unit: 'readings/s', repeats: ours });
  const goals: [string, number][] = [
    ['one INSERT a message', 40],
    ['1,000-row VALUES; Sparkplug', 5],
    ['1,000-row text COPY; Sparkplug', 3],
  ];
  for (const { what } of contenders) {
    const own = rates.get(what) ?? [];
    bench.measure({
      what,
      value: median(own),
      unit: 'readings/s',
      repeats: own,
      note: `${median(cpu.get(what) ?? []).toFixed(1)} µs CPU a reading in its process`,
    });
    const ratio = ratioInterval(ours, own);
    const goal = goals.find(([begin]) => what.startsWith(begin))?.[1];
    bench.measure({
      what: `Millrace / ${what}`,
      ...ratio,
      unit: '×',
      ...(goal !== undefined && { goal: { text: `≥ ${goal} ×`, met: ratio.value >= goal } }),
    });
  }
}
