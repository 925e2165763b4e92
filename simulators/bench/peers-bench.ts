import type { PlantSize } from './bench-plant.ts';
import type { Bench } from './context.ts';
import { gateRows } from './gates.ts';
import { now } from '../../core/clock.ts';
import { runIngest } from './measured-run.ts';
import { runNodeRed } from './node-red.ts';
import { installPackages, runPeer, type PeerRun, type PeerWay } from './peers.ts';
import { openPlantDatabase, openRig } from './rig.ts';
import { findProgram } from './bench-broker.ts';
import { median, oddAndEven, ratioInterval } from './statistics.ts';

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
  const pairs = new Map<string, { ours: number; theirs: number; cpu_us: number }[]>();
  const ours: number[] = [];
  for (let repeat = 1; repeat <= bench.repeats; repeat++) {
    // Offered above what the table takes, in time steps, because Sparkplug at QoS 0 has no other brake.
    const step = (signals / 800_000) * 1000;
    const order = { ticks: ticks(300_000), start_ms: now(), step_ms: step, paced: true };
    const run = await runIngest(rig, order);
    for (const reason of await gateRows(
      plant.database,
      run.report,
      order.start_ms,
      order.start_ms + order.ticks * step,
    ))
      bench.refuse(reason);
    await plant.database.clear();
    ours.push(run.readings_per_second);
    bench.say(`repeat ${repeat}: Millrace ${Math.round(run.readings_per_second).toLocaleString('en')}/s`);
    for (const contender of contenders) {
      const turn = `repeat ${repeat}: ${contender.what}`;
      try {
        const peerRun = await contender.run(ticks(contender.expected));
        if (peerRun.missing > 0)
          bench.result.notes.push(`"${contender.what}" lost ${peerRun.missing} readings in repeat ${repeat}.`);
        const pair = { ours: run.readings_per_second, theirs: peerRun.readings_per_second, cpu_us: peerRun.cpu_us };
        pairs.set(contender.what, [...(pairs.get(contender.what) ?? []), pair]);
        bench.say(`${turn} ${Math.round(peerRun.readings_per_second).toLocaleString('en')}/s`);
      } catch (error) {
        // A peer that fails says something about the peer, and nothing about the others.
        const reason = (error as Error).message.split('\n', 1)[0] ?? '';
        bench.result.notes.push(`"${contender.what}" failed in repeat ${repeat}: ${reason}`);
        bench.say(`${turn} failed: ${reason}`);
      }
    }
  }
  bench.measure({ what: 'Millrace; Sparkplug, 50 a message', value: median(ours), unit: 'readings/s', repeats: ours });
  bench.compareSame('Millrace, odd and even repeats', ...oddAndEven(ours));
  for (const { what } of contenders) reportPeer(bench, what, pairs.get(what) ?? []);
}

const goals: readonly (readonly [string, number])[] = [
  ['one INSERT a message', 40],
  ['1,000-row VALUES; Sparkplug', 5],
  ['1,000-row text COPY; Sparkplug', 3],
];

function reportPeer(bench: Bench, what: string, pairs: { ours: number; theirs: number; cpu_us: number }[]): void {
  if (pairs.length === 0) return;
  const theirs = pairs.map((pair) => pair.theirs);
  bench.measure({
    what,
    value: median(theirs),
    unit: 'readings/s',
    repeats: theirs,
    note: `${median(pairs.map((pair) => pair.cpu_us)).toFixed(1)} µs CPU a reading in its process`,
  });
  const ratio = ratioInterval(
    pairs.map((pair) => pair.ours),
    theirs,
  );
  const goal = goals.find(([begin]) => what.startsWith(begin))?.[1];
  bench.measure({
    what: `Millrace / ${what}`,
    ...ratio,
    unit: '×',
    ...(goal !== undefined && { goal: { text: `≥ ${goal} ×`, met: ratio.value >= goal } }),
  });
}
