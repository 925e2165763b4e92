import { mkdtempSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { now, pause } from '../../core/clock.ts';
import { freePort } from '../../core/embedded/postgres.ts';
import type { Plant } from '../../core/plant/plant-document.ts';
import { protocols, type Protocol } from '../../core/reading.ts';
import { benchAddress, benchNodes, benchPlant, benchSignalIds, benchSignals, type PlantSize } from './bench-plant.ts';
import type { BenchDatabase } from './bench-database.ts';
import type { Bench } from './context.ts';
import { gateRows } from './gates.ts';
import { startPublisher } from './publisher.ts';

/** One sensor for each protocol, on a line of its own. */
const size: PlantSize = {
  lines: protocols.length,
  machines_per_line: 1,
  signals_per_machine: 1,
  interval_seconds: 0.2,
};
/** Not a multiple of FLUSH_MS or of a second, so that all moments of both are met. */
const stepMs = 170;

interface ProbeReport {
  readings: number;
  checksum: string;
}

/**
 * Sensors that only the bench sends, beside a plant: what they measure they send at once, one reading a message. From their
 * source time to the commit is the time that Millrace takes, while a plant may keep a reading before it sends it.
 */
export interface Probe {
  /** Which protocol a signal of the probe speaks; undefined for signals of the plant. */
  protocolOf(signalId: number): Protocol | undefined;
  /** Sends for so long, waits until the last reading must be in, and refuses when what is stored is not what was sent. */
  send(seconds: number): Promise<void>;
}

/** Adds the probe's sensors to a plant, and says which OPC UA server has which items, because there are two. */
export function withProbe(plant: Plant, plantUrl: string, probeUrl: string): Plant {
  const [site] = benchPlant(size, 'mqtt').sites;
  if (site === undefined) throw new Error('The probe has no site.');
  const lines = site.lines.map((line, index) => {
    const protocol = protocols[index] ?? 'mqtt';
    const [signal] = benchSignals(size).slice(index);
    if (signal === undefined) throw new Error(`The probe has no signal for ${protocol}.`);
    const source = { protocol, server: protocol === 'opcua' ? probeUrl : '', address: benchAddress(protocol, signal) };
    return mapSignals(line, (each) => ({ ...each, sources: [source] }));
  });
  const sites = plant.sites.map((each) => ({
    ...each,
    lines: each.lines.map((line) =>
      mapSignals(line, (signal) => ({
        ...signal,
        sources: signal.sources.map((source) =>
          source.protocol === 'opcua' ? { ...source, server: plantUrl } : source,
        ),
      })),
    ),
  }));
  return { ...plant, sites: [...sites, { ...site, lines }] };
}

type Line = Plant['sites'][number]['lines'][number];
type Signal = Line['machines'][number]['signals'][number];

function mapSignals(line: Line, change: (signal: Signal) => Signal): Line {
  return { ...line, machines: line.machines.map((machine) => ({ ...machine, signals: machine.signals.map(change) })) };
}

/** An address for the probe's OPC UA server. */
export async function probeEndpoint(): Promise<string> {
  return `opc.tcp://127.0.0.1:${await freePort()}`;
}

/** Starts the publishers of the probe, after ingest: who comes too late for a Sparkplug birth cannot read what follows. */
export async function startProbe(
  bench: Bench,
  database: BenchDatabase,
  urls: { mqtt: string; opcua: string },
): Promise<Probe> {
  const ids = await benchSignalIds(database.database, size);
  const { seed } = bench.result;
  const senders = await Promise.all(
    protocols.map(async (protocol, index) => {
      const signal_ids = [ids[index] ?? 0];
      if (protocol === 'opcua') {
        const file = join(mkdtempSync(join(bench.runDir, 'probe-')), 'server.json');
        const addresses = benchSignals(size)
          .slice(index, index + 1)
          .map((signal) => benchAddress(protocol, signal));
        writeFileSync(file, JSON.stringify({ port: Number(new URL(urls.opcua).port), addresses, signal_ids, seed }));
        const server = await bench.room('simulators/bench/opcua-server-main.ts', {}, [file]);
        return async (ticks: number, start: number): Promise<ProbeReport> => {
          await pause(Math.max(0, start - now()));
          const order = { ticks, step_ms: stepMs };
          const { report } = await server.ask<{ report: ProbeReport }>(order, (answer) => 'report' in answer);
          return report;
        };
      }
      const nodes = benchNodes(size).slice(index, index + 1);
      const publisher = await startPublisher({ url: urls.mqtt, protocol, nodes, signal_ids, seed });
      bench.atEnd(() => publisher.close());
      return (ticks: number, start: number): Promise<ProbeReport> =>
        publisher.publish({ ticks, start_ms: start, step_ms: stepMs, paced: true });
    }),
  );
  return {
    protocolOf: (signalId) => protocols[ids.indexOf(signalId)],
    async send(seconds) {
      const start = now() + 300;
      const ticks = Math.floor((seconds * 1000) / stepMs);
      const reports = await Promise.all(senders.map((send) => send(ticks, start)));
      const until = now();
      // As long as the goal lets a reading take, and a second for the OPC UA subscription.
      await pause(3000);
      for (const [index, report] of reports.entries())
        for (const reason of await gateRows(database, report, start, until, ids.slice(index, index + 1)))
          bench.refuse(`${protocols[index]} probe: ${reason}`);
    },
  };
}
