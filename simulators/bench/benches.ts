import type { Bench } from './context.ts';
import { ingestBench } from './ingest-bench.ts';
import { jsonBench } from './json-bench.ts';
import { peersBench } from './peers-bench.ts';

export interface BenchEntry {
  what: string;
  /** Default of --seconds. */
  seconds: number;
  run: (bench: Bench) => Promise<void>;
}

/** Every bench by name, in the order in which `all` runs them. */
export const benches = {
  ingest: { what: 'Sparkplug B, 50 metrics a message, to the committed row', seconds: 15, run: ingestBench },
  json: { what: 'JSON, one reading a message, QoS 1, durable before acknowledged', seconds: 10, run: jsonBench },
  peers: { what: 'the same bytes into the same table, written otherwise', seconds: 5, run: peersBench },
} satisfies Record<string, BenchEntry>;

export type BenchName = keyof typeof benches;
