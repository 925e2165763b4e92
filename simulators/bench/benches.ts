import { backfillBench } from './backfill-bench.ts';
import type { BenchEngine } from './bench-database.ts';
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

export type BenchEngineName = BenchEngine;

export interface BenchEntry {
  what: string;
  /** What --seconds means here. */
  means: string;
  /** Default of --seconds. The embedded engine gets less: `all` has to end within 40 minutes. */
  seconds: Record<BenchEngineName, number>;
  repeats: number;
  /** About how long it takes with these. */
  minutes: Record<BenchEngineName, number>;
  /** Size of the run with --profile that `all` makes on its first engine, or on every one where a figure is made of it. */
  profile?: { seconds: number; repeats: number; minutes: number; everyEngine?: true };
  run: (bench: Bench) => Promise<void>;
}

const length = 'length of one measurement in seconds';

/** Every bench by name, in the order in which `all` runs them. */
export const benches: Record<BenchName, BenchEntry> = {
  ingest: {
    what: 'Sparkplug B, 50 metrics a message, to the committed row',
    means: 'length of one measurement in seconds; the sustained rate is held for a minute',
    seconds: { timescale: 6, embedded: 4 },
    repeats: 5,
    minutes: { timescale: 3.8, embedded: 3.0 },
    profile: { seconds: 6, repeats: 1, minutes: 0.7 },
    run: ingestBench,
  },
  json: {
    what: 'JSON, one reading a message, QoS 1, durable before acknowledged',
    means: length,
    seconds: { timescale: 4, embedded: 3 },
    repeats: 5,
    minutes: { timescale: 1.5, embedded: 1.2 },
    profile: { seconds: 4, repeats: 1, minutes: 0.7 },
    run: jsonBench,
  },
  peers: {
    what: 'the same bytes into the same table, written otherwise',
    means: length,
    seconds: { timescale: 2, embedded: 1 },
    repeats: 5,
    minutes: { timescale: 3.3, embedded: 2.4 },
    run: peersBench,
  },
  latency: {
    what: 'publish to live stream at 17,810 readings/s',
    means: length,
    seconds: { timescale: 30, embedded: 20 },
    repeats: 1,
    minutes: { timescale: 0.6, embedded: 0.5 },
    run: latencyBench,
  },
  opcua: {
    what: 'OPC UA, 10,000 items at 100 ms',
    means: length,
    seconds: { timescale: 15, embedded: 10 },
    repeats: 1,
    minutes: { timescale: 0.5, embedded: 0.4 },
    profile: { seconds: 8, repeats: 1, minutes: 0.5, everyEngine: true },
    run: opcuaBench,
  },
  storage: {
    what: 'bytes a reading, with readings of the simulated plant',
    means: 'seconds for which the plant runs, ten times as fast as in reality',
    seconds: { timescale: 100, embedded: 20 },
    repeats: 1,
    minutes: { timescale: 1.9, embedded: 0.5 },
    run: storageBench,
  },
  rollups: {
    what: 'one late reading until all rollups are right',
    means: 'seconds of readings of the whole plant at 1 Hz that are stored',
    seconds: { timescale: 1200, embedded: 600 },
    repeats: 5,
    minutes: { timescale: 0.7, embedded: 0.7 },
    run: rollupsBench,
  },
  queries: {
    what: 'latest values, one sensor over any range, the last hour of all',
    means: 'seconds of raw readings of the whole plant at 1 Hz that are stored',
    seconds: { timescale: 3600, embedded: 900 },
    repeats: 1,
    minutes: { timescale: 1.7, embedded: 1.8 },
    run: queriesBench,
  },
  backfill: {
    what: 'history from CSV and Parquet, alone and beside live readings',
    means: 'rows of the wide files, of 1,781 readings each',
    seconds: { timescale: 5000, embedded: 1000 },
    repeats: 1,
    minutes: { timescale: 1.5, embedded: 1.0 },
    run: backfillBench,
  },
  growth: {
    what: 'how cost grows with sensors, rate and history',
    means: length,
    seconds: { timescale: 6, embedded: 4 },
    repeats: 1,
    minutes: { timescale: 1.2, embedded: 1.2 },
    run: growthBench,
  },
  start: {
    what: 'npm start to the first live value',
    means: 'nothing',
    seconds: { timescale: 1, embedded: 1 },
    repeats: 5,
    minutes: { timescale: 0.6, embedded: 0.6 },
    run: startBench,
  },
  plant: {
    what: 'the reference plant at 1 Hz, everything on',
    means: 'length of the measurement in seconds, after 30 of warming up',
    seconds: { timescale: 45, embedded: 20 },
    repeats: 1,
    minutes: { timescale: 1.4, embedded: 1.0 },
    run: (bench) => plantBench(bench, 1),
  },
  tenfold: {
    what: 'ten times the plant at 1 Hz, everything on',
    means: 'length of the measurement in seconds, after 30 of warming up; 3600 shows an hour',
    seconds: { timescale: 60, embedded: 20 },
    repeats: 1,
    minutes: { timescale: 2.0, embedded: 1.4 },
    run: (bench) => plantBench(bench, 10),
  },
};

export type BenchName =
  | 'ingest'
  | 'json'
  | 'peers'
  | 'latency'
  | 'opcua'
  | 'storage'
  | 'rollups'
  | 'queries'
  | 'backfill'
  | 'growth'
  | 'start'
  | 'plant'
  | 'tenfold';
