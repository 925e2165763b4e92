import { plantSchema, type Plant } from '../../core/plant/plant-document.ts';
import type { Connection } from '../../core/database.ts';
import type { Protocol } from '../../core/reading.ts';
import type { SparkplugNode } from './frames.ts';

/** A plant of a given size for measuring: so many lines of so many machines with so many measurements each. */
export interface PlantSize {
  lines: number;
  machines_per_line: number;
  signals_per_machine: number;
  /** How often each signal speaks; OPC UA subscriptions ask for it. */
  interval_seconds?: number;
}

const enterprise = 'millrace';
const site = 'bench';
const numbered = (letter: string, index: number): string => `${letter}${String(index + 1).padStart(3, '0')}`;

/** Names of a signal, from the largest to the smallest. */
export interface BenchSignal {
  line: string;
  machine: string;
  signal: string;
}

export function benchSignals({ lines, machines_per_line, signals_per_machine }: PlantSize): BenchSignal[] {
  const signals: BenchSignal[] = [];
  for (let line = 0; line < lines; line++)
    for (let machine = 0; machine < machines_per_line; machine++)
      for (let signal = 0; signal < signals_per_machine; signal++)
        signals.push({ line: numbered('l', line), machine: numbered('m', machine), signal: numbered('s', signal) });
  return signals;
}

/** Where a signal speaks, by the contract of each protocol. */
export function benchAddress(protocol: Protocol, { line, machine, signal }: BenchSignal): string {
  if (protocol === 'mqtt') return `${enterprise}/${site}/${line}/${machine}/${signal}`;
  if (protocol === 'sparkplug') return `${enterprise}-${site}/${line}/${machine}/${signal}`;
  return `nsu=urn:millrace:plant;s=${enterprise}/${site}/${line}/${machine}/${signal}`;
}

/** The plant as a document that the ordinary import takes; each signal may speak by any of the protocols. */
export function benchPlant(size: PlantSize, ...protocols: Protocol[]): Plant {
  const lines = Map.groupBy(benchSignals(size), ({ line }) => line);
  return plantSchema.parse({
    enterprise,
    sites: [
      {
        name: site,
        time_zone: 'UTC',
        lines: [...lines].map(([line, signals]) => ({
          name: line,
          machines: [...Map.groupBy(signals, ({ machine }) => machine)].map(([machine, own]) => ({
            name: machine,
            signals: own.map((signal) => ({
              name: signal.signal,
              expected_interval_seconds: size.interval_seconds ?? 1,
              sources: protocols.map((protocol) => ({ protocol, address: benchAddress(protocol, signal) })),
            })),
          })),
        })),
      },
    ],
  });
}

/** The plant's lines as Sparkplug edge nodes. */
export function benchNodes(size: PlantSize): SparkplugNode[] {
  return [...Map.groupBy(benchSignals(size), ({ line }) => line)].map(([edge, signals]) => ({
    group: `${enterprise}-${site}`,
    edge,
    devices: [...Map.groupBy(signals, ({ machine }) => machine)].map(([device, own]) => ({
      device,
      signals: own.map(({ signal }) => signal),
    })),
  }));
}

/** The signal numbers that the database gave, in the order of `benchSignals`. */
export async function benchSignalIds(connection: Connection, size: PlantSize): Promise<number[]> {
  const rows = await connection.query<BenchSignal & { signal_id: number }>(
    `select l.name as line, m.name as machine, s.name as signal, s.signal_id
       from signal s join machine m using (machine_id) join line l using (line_id) join site i using (site_id) where i.name = $1`,
    [site],
  );
  const key = ({ line, machine, signal }: BenchSignal): string => `${line}/${machine}/${signal}`;
  const ids = new Map(rows.map((row) => [key(row), row.signal_id]));
  return benchSignals(size).map((signal) => {
    const id = ids.get(key(signal));
    if (id === undefined) throw new Error(`The signal ${key(signal)} of the bench plant was not imported.`);
    return id;
  });
}
