import type { BenchName } from './benches.ts';

/** What limited a run, by its profile: who had the cores, or nobody. */
export type Limit = 'database' | 'node' | 'broker' | 'waiting';

/** A goal that was set for two cores, the TimescaleDB engine, and broker, Millrace and database on one machine. */
export interface Goal {
  what: string;
  goal: string;
  /** The figures that say whether it is reached: bench, and how the figure's name begins. */
  figures: readonly (readonly [BenchName, string])[];
  /** What would change it, by what limits it. */
  change: Partial<Record<Limit, string>> & { any: string };
}

/** Derived from the CPU of ingest and the part of it that its profile gives to the store. */
export const besideStore = '10,000 items at 100 ms: CPU of ingest beside the store';

export const goals: readonly Goal[] = [
  {
    what: 'Sparkplug B, 50 metrics a message → journaled and committed, sustained, nothing lost',
    goal: '≥ 0.75 × L1, p99 flush lag < 1 s',
    figures: [
      ['ingest', 'sustained / L1'],
      ['ingest', 'Millrace / L1'],
      ['ingest', 'lag at the sustained rate, p99'],
    ],
    change: {
      database:
        'L1 has both cores to itself for one COPY, while here the database shares them with publisher, broker and ingest, and each reading is also written to the feed and to the latest values. A third core for the database, or the publisher on another machine, moves the figure first; in the code it is what each batch does besides its COPY (feed row, latest values, ledger).',
      node: 'The decoder and the journal have the cores before the database does: fewer copies between message and COPY buffer, and less garbage, would give them back.',
      any: 'A publisher on another machine, and a core more for the database.',
    },
  },
  {
    what: 'JSON, one reading a message, QoS 1, durable before acknowledged, stock mosquitto',
    goal: '≥ 0.8 × M1',
    figures: [
      ['json', 'Millrace / M1'],
      ['json', 'stock broker: Millrace / M1'],
    ],
    change: {
      broker:
        'mosquitto is one thread and pays 14 to 16 µs for a message at QoS 1 in and out: several readings in a message (a JSON array, or Sparkplug) divide that.',
      database:
        'Larger batches: the database commits what waits every 250 ms; at this rate a commit costs little beside its rows.',
      node: 'Each message is parsed, journaled and acknowledged by one thread of ingest; several readings in a message divide that.',
      any: 'Several readings in a message (a JSON array, or Sparkplug).',
    },
  },
  {
    what: 'batched against one INSERT a message / 1,000-row VALUES / text COPY',
    goal: '≥ 40 × / ≥ 5 × / ≥ 3 ×',
    figures: [
      ['peers', 'Millrace / one INSERT a message'],
      ['peers', 'Millrace / one INSERT a reading'],
      ['peers', 'Millrace / 1,000-row VALUES; Sparkplug'],
      ['peers', 'Millrace / 1,000-row text COPY; Sparkplug'],
    ],
    change: {
      any: 'Each peer stands beside the run of Millrace that got the same messages. With one JSON reading a message, broker and parser are the limit (M1), a third of what the database takes, and that is less than 40 times one INSERT a message, whoever writes: several readings in a message are what makes it so. The peers that batch are given our own Sparkplug decoder, and they neither journal nor keep books: what is left between them and Millrace is how rows reach the table, and there the unique index of the table costs both of them the same.',
    },
  },
  {
    what: 'gateway CPU a reading',
    goal: '≤ 0.3 µs batched, ≤ 10 µs single JSON',
    figures: [
      ['ingest', 'CPU of the ingest'],
      ['json', 'CPU of the ingest'],
    ],
    change: {
      any: 'The gateway of the figure parses MQTT with MQTT.js, decodes, resolves, journals with a checksum, keeps the books and the latest values, and encodes twice (COPY and feed); 0.2 to 0.3 µs are what a decoder and a COPY encoder alone cost here. 0.3 µs in all is within reach only of a scanner of PUBLISH packets of our own in the place of MQTT.js, and with less written for each reading; garbage collection falls with fewer allocations for each batch.',
    },
  },
  {
    what: 'OPC UA, 10,000 items at 100 ms',
    goal: 'every notification received and stored, ≤ 15 % of a core beside the store',
    figures: [
      ['opcua', '10,000 items at 100 ms: received and stored'],
      ['opcua', besideStore],
    ],
    change: {
      node: 'The server of the bench is node-opcua too and needs most of a core to offer this; on two cores it, the database and ingest are more than there is. A server on another machine shows what ingest itself can take.',
      any: 'A server on another machine: the one of the bench takes most of a core of the two.',
    },
  },
  {
    what: 'publish → visible in the live stream (SSE) at 17,810 readings/s',
    goal: 'p99 ≤ 1 s, p50 ≤ 300 ms',
    figures: [
      ['latency', 'publish → live stream at 17,810 readings/s, p50'],
      ['latency', 'publish → live stream at 17,810 readings/s, p99'],
    ],
    change: {
      waiting:
        'The cores are mostly idle, so it is waiting, not work: a batch is committed every 250 ms (FLUSH_MS) and the stream tells its clients five times a second. A shorter FLUSH_MS costs more commits; telling clients more often costs the API and every browser.',
      any: 'A shorter FLUSH_MS (250 ms), and a stream that tells its clients more often than five times a second.',
    },
  },
  {
    what: 'reference plant at 1 Hz, all of Millrace running',
    goal: '≤ 30 % of one core, Node processes ≤ 450 MB together',
    figures: [
      ['plant', 'CPU of ingest, analytics, API and database together'],
      ['plant', 'memory of ingest, analytics and API together'],
    ],
    change: {
      any: 'A longer FLUSH_MS makes fewer, larger transactions; what is left is per reading and per minute of rollups.',
    },
  },
  {
    what: 'ten times the plant (17,810 sensors on 2,360 machines) at 1 Hz, everything on',
    goal: 'sustained, lag p99 ≤ 2 s, memory flat over an hour',
    figures: [
      ['tenfold', 'everything stored that came'],
      ['tenfold', 'sent → stored, p99'],
      ['tenfold', 'source time → stored, p99'],
      ['tenfold', 'memory of ingest, analytics and API: growth'],
    ],
    change: {
      node: 'The simulators of 2,360 machines are the largest part of the load and run on the same two cores; on another machine they would not be in the way.',
      any: 'Simulators on another machine; they have a large part of the two cores.',
    },
  },
  {
    what: 'storage after compression, simulator data',
    goal: '≤ 8 bytes a reading',
    figures: [['storage', 'on disk after compression']],
    change: {
      any: 'What bounds it is the column of values: readings with noise in their last digits have that many bits of information, which no lossless compression takes away; times and qualities are below a byte together. Fewer digits (as the sensors of many plants have), or storing only what changed by more than a sensor can resolve, is what makes it smaller; both throw something away, so Millrace does neither by itself.',
    },
  },
  {
    what: 'latest value of all sensors / one sensor over any range to 2,000 points with 90 days stored / the last hour of all sensors by minute',
    goal: 'p95 ≤ 5 / ≤ 50 / ≤ 300 ms',
    figures: [
      ['queries', 'latest value of all sensors'],
      ['queries', 'one sensor over 10 minutes'],
      ['queries', 'one sensor over 1 day'],
      ['queries', 'one sensor over 7 days'],
      ['queries', 'one sensor over 30 days'],
      ['queries', 'one sensor over 90 days'],
      ['queries', 'the last hour of all sensors by minute'],
    ],
    change: {
      any: 'Which range is slow says which level of rollups is read for it; compressed chunks are read with fewer pages, and a warm cache helps all of them.',
    },
  },
  {
    what: 'one late reading → rollups right',
    goal: '≤ 60 ms; embedded engine within 3 ×',
    figures: [
      ['rollups', 'one late reading → all rollups right'],
      ['rollups', 'one late reading, published → right'],
    ],
    change: {
      any: 'A late reading recomputes its minute of its signal, and that signal’s hour, day and month from the level below: what is left are the round trips and, on TimescaleDB, finding the chunks of each level.',
    },
  },
  {
    what: 'start to first live value, second start',
    goal: '≤ 15 s',
    figures: [['start', 'later start → first live value']],
    change: { any: 'What `npm start` says for each part of the start shows which part it is.' },
  },
  {
    what: 'back-fill from CSV, live ingest undisturbed',
    goal: '≥ 1,000,000 rows/s into TimescaleDB by sorted direct compress',
    figures: [
      ['backfill', 'wide CSV (a column a sensor): readings stored a second'],
      ['backfill', 'wide CSV (a column a sensor): the whole command'],
      ['backfill', 'wide Parquet (a column a sensor): readings stored a second'],
    ],
    change: {
      any: 'Reading, sorting and merging take turns on one connection; reading the next file while the present one is stored would use the second core.',
    },
  },
];
