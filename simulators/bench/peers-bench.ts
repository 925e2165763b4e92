import type { PlantSize } from './bench-plant.ts';
import type { Bench } from './context.ts';
import { gateRows } from './gates.ts';
import { now } from '../../core/clock.ts';
import { runIngest, type Rig } from './measured-run.ts';
import { runNodeRed } from './node-red.ts';
import { installPackages, runPeer, type PeerRun, type PeerWay } from './peers.ts';
import { openPlantDatabase, openPublisher, openRig } from './rig.ts';
import { findProgram } from './bench-broker.ts';
import { median, oddAndEven, ratioInterval, sameThingDifference } from './statistics.ts';
import { runTelegraf } from './telegraf.ts';

const size: PlantSize = { lines: 6, machines_per_line: 6, signals_per_machine: 50 };
const signals = 1800;

type Form = 'mqtt' | 'sparkplug';

const forms: Readonly<Record<Form, string>> = {
  mqtt: 'JSON, one reading a message',
  sparkplug: 'Sparkplug, 50 a message',
};

interface Contender {
  what: string;
  protocol: Form;
  /** About what it reaches, so that each run takes --seconds. */
  expected: number;
  /** At least so many times slower than Millrace with the same messages. */
  goal?: number;
  run(ticks: number): Promise<PeerRun>;
}

/**
 * What people write by hand and what they take from the shelf, beside Millrace: the same bytes through the same broker into
 * the same table with the same durability, in turns. Each peer is compared with the run of Millrace that got the same
 * messages: single readings in JSON, which is what such programs usually get, or 50 in a Sparkplug message, which the peers
 * read with our own decoder.
 */
export async function peersBench(bench: Bench): Promise<void> {
  const plant = { ...(await openPlantDatabase(bench, size, 'sparkplug', 'mqtt')), size };
  const contenders = await openContenders(bench, plant);
  const rig = await openRig(bench, plant, size, 'sparkplug', 'roomy');
  const rigs: Record<Form, Rig> = {
    sparkplug: rig,
    mqtt: { ...rig, publisher: await openPublisher(bench, rig.broker.url, plant.signalIds, size, 'mqtt') },
  };
  const ticks = (rate: number): number => Math.max(2, Math.round((rate * bench.seconds) / signals));
  const runMillrace = async (form: Form): Promise<number> => {
    // Sparkplug is offered above what the table takes, in time steps, because at QoS 0 it has no other brake.
    const step = form === 'sparkplug' ? (signals / 800_000) * 1000 : 1;
    const order =
      form === 'sparkplug'
        ? { ticks: ticks(300_000), start_ms: now(), step_ms: step, paced: true }
        : { ticks: ticks(80_000), start_ms: now() - ticks(80_000), step_ms: step, paced: false };
    const run = await runIngest(rigs[form], order);
    const to = order.start_ms + order.ticks * step;
    for (const reason of await gateRows(plant.database, run.report, order.start_ms, to)) bench.refuse(reason);
    await plant.database.clear();
    return run.readings_per_second;
  };
  const ours: Record<Form, number[]> = { mqtt: [], sparkplug: [] };
  const theirs = new Map<Contender, Pair[]>();
  for (let repeat = 0; repeat <= bench.repeats; repeat++) {
    const turn: Record<Form, number> = { mqtt: await runMillrace('mqtt'), sparkplug: await runMillrace('sparkplug') };
    // The first round of Millrace warms up its process and is not counted; each peer warms up in its own.
    if (repeat === 0) continue;
    for (const form of ['mqtt', 'sparkplug'] as const) ours[form].push(turn[form]);
    bench.say(`repeat ${repeat}: Millrace ${show(turn.mqtt)} (JSON), ${show(turn.sparkplug)} (Sparkplug)`);
    for (const contender of contenders) {
      const said = `repeat ${repeat}: ${contender.what}`;
      try {
        const run = await contender.run(ticks(contender.expected));
        for (const reason of run.wrong) bench.result.notes.push(`"${contender.what}" in repeat ${repeat}: ${reason}`);
        const pair = { ours: turn[contender.protocol], theirs: run.readings_per_second, cpu_us: run.cpu_us };
        theirs.set(contender, [...(theirs.get(contender) ?? []), pair]);
        bench.say(`${said} ${show(run.readings_per_second)}`);
      } catch (error) {
        // A peer that fails says something about the peer, and nothing about the others.
        const reason = (error as Error).message.split('\n', 1)[0] ?? '';
        bench.result.notes.push(`"${contender.what}" failed in repeat ${repeat}: ${reason}`);
        bench.say(`${said} failed: ${reason}`);
      }
    }
  }
  for (const form of ['mqtt', 'sparkplug'] as const) {
    const rates = ours[form];
    bench.measure({ what: `Millrace; ${forms[form]}`, value: median(rates), unit: 'readings/s', repeats: rates });
    bench.compareSame(`Millrace, ${forms[form]}, odd and even repeats`, ...oddAndEven(rates));
  }
  for (const [contender, pairs] of theirs) reportPeer(bench, contender, pairs);
}

const show = (rate: number): string => `${Math.round(rate).toLocaleString('en')}/s`;

async function openContenders(
  bench: Bench,
  plant: Awaited<ReturnType<typeof openPlantDatabase>> & { size: PlantSize },
): Promise<Contender[]> {
  const binary = await installPackages(bench, ['pg-copy-streams-binary@2.2.0']);
  const red = await installPackages(bench, ['node-red@5.0.7', 'pg@8.23.1']);
  if (red !== undefined)
    bench.result.notes.push(
      'Node-RED writes with the pg package in a function node, ten connections at once, not with a PostgreSQL node of its catalogue.',
    );
  const telegraf = findProgram('telegraf');
  if (telegraf === undefined) bench.result.notes.push('Telegraf is not on the PATH, so it was not measured.');
  const peer = (
    name: string,
    way: PeerWay,
    protocol: Form,
    expected: number,
    more: { goal?: number; packages?: string } = {},
  ): Contender => ({
    what: `${name}; ${forms[protocol]}`,
    protocol,
    expected,
    ...(more.goal !== undefined && { goal: more.goal }),
    run: (ticks) => runPeer(bench, plant, { way, protocol, ticks, packages: more.packages }),
  });
  return [
    peer('one INSERT a message', 'insert', 'mqtt', 7000, { goal: 40 }),
    peer('1,000-row VALUES', 'values', 'mqtt', 40_000),
    peer('1,000-row text COPY', 'text', 'mqtt', 40_000),
    peer('one INSERT a reading', 'insert', 'sparkplug', 7000, { goal: 40 }),
    peer('1,000-row VALUES', 'values', 'sparkplug', 100_000, { goal: 5 }),
    peer('1,000-row text COPY', 'text', 'sparkplug', 150_000, { goal: 3 }),
    ...(binary === undefined
      ? []
      : [peer('1,000-row pg-copy-streams-binary', 'package', 'sparkplug', 120_000, { packages: binary })]),
    ...(red === undefined
      ? []
      : [
          {
            what: `Node-RED with pg; ${forms.mqtt}`,
            protocol: 'mqtt' as const,
            expected: 5000,
            run: (ticks: number) => runNodeRed(bench, plant, red, ticks),
          },
        ]),
    ...(telegraf === undefined
      ? []
      : (['defaults', 'tuned'] as const).map((form) => ({
          what: `Telegraf, ${form}, into its own table; ${forms.mqtt}`,
          protocol: 'mqtt' as const,
          expected: 20_000,
          run: (ticks: number) => runTelegraf(bench, plant, telegraf, form, ticks),
        }))),
  ];
}

interface Pair {
  ours: number;
  theirs: number;
  cpu_us: number;
}

function reportPeer(bench: Bench, { what, goal }: Contender, pairs: readonly Pair[]): void {
  const theirs = pairs.map((pair) => pair.theirs);
  const difference = sameThingDifference(...oddAndEven(theirs)) * 100;
  // What is not steady speaks of this peer alone.
  const refused =
    difference > 10 ? { refused: `odd and even repeats of this peer differ by ${difference.toFixed(0)} %` } : {};
  bench.measure({
    what,
    value: median(theirs),
    unit: 'readings/s',
    repeats: theirs,
    note: `${median(pairs.map((pair) => pair.cpu_us)).toFixed(1)} µs CPU a reading in its process; A/A: ${Number.isNaN(difference) ? 'one run' : `${difference.toFixed(1)} %`}`,
    ...refused,
  });
  const ratio = ratioInterval(
    pairs.map((pair) => pair.ours),
    theirs,
  );
  bench.measure({
    what: `Millrace / ${what}`,
    ...ratio,
    unit: '×',
    ...(goal !== undefined && { goal: { text: `≥ ${goal} ×`, met: ratio.value >= goal } }),
    ...refused,
  });
}
