import { backfillBench } from './backfill-bench.ts';
import type { Bench } from './context.ts';
import { growthBench } from './growth-bench.ts';
import { ingestBench } from './ingest-bench.ts';
import { jsonBench } from './json-bench.ts';
import { latencyBench } from './latency-bench.ts';
import { opcuaBench } from './opcua-bench.ts';
import { peersBench } from './peers-bench.ts';
import { plantBench } from './plant-bench.ts';
import { queriesBench } from './queries-bench.ts';
import { rollupsBench } from './rollups-bench.ts';
import { startBench } from './start-bench.ts';
import { storageBench } from './storage-bench.ts';

export interface BenchEntry {
  what: string;
  /** Default of --seconds, and what it means where it is not the length of one measurement. */
  seconds: number;
  run: (bench: Bench) => Promise<void>;
}

/** Every bench by name, in the order in which `all` runs them. */
export const benches = {
  ingest: { what: 'Sparkplug B, 50 metrics a message, to the committed row', seconds: 15, run: ingestBench },
  json: { what: 'JSON, one reading a message, QoS 1, durable before acknowledged', seconds: 10, run: jsonBench },
  peers: { what: 'the same bytes into the same table, written otherwise', seconds: 5, run: peersBench },
  latency: { what: 'publish to live stream at 17,810 readings/s', seconds: 60, run: latencyBench },
  opcua: { what: 'OPC UA, 10,000 items at 100 ms', seconds: 20, run: opcuaBench },
  storage: { what: 'bytes a reading, with readings of the simulated plant', seconds: 180, run: storageBench },
  rollups: { what: 'one late reading until all rollups are right', seconds: 1200, run: rollupsBench },
  queries: { what: 'latest values, one sensor over any range, the last hour of all', seconds: 3600, run: queriesBench },
  backfill: { what: 'months of history from CSV, alone and beside live readings', seconds: 6000, run: backfillBench },
  growth: { what: 'how cost grows with sensors, rate and history', seconds: 15, run: growthBench },
  start: { what: 'npm start to the first live value', seconds: 1, run: startBench },
  plant: { what: 'the reference plant at 1 Hz, everything on', seconds: 120, run: (bench) => plantBench(bench, 1) },
  tenfold: { what: 'ten times the plant at 1 Hz, everything on', seconds: 600, run: (bench) => plantBench(bench, 10) },
} satisfies Record<string, BenchEntry>;

export type BenchName = keyof typeof benches;
