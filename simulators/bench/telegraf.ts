import { spawn } from 'node:child_process';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { monotonic, now, pause } from '../../core/clock.ts';
import { track } from './bench-process.ts';
import { benchNodes, type PlantSize } from './bench-plant.ts';
import type { BenchDatabase } from './bench-database.ts';
import type { Bench } from './context.ts';
import type { PeerRun } from './peers.ts';
import { processUsage } from './process-usage.ts';
import { startPublisher } from './publisher.ts';

const table = 'telegraf_reading';

/** As it comes, and with the limits that its documentation names for more throughput. */
const telegrafForms = {
  defaults: { agent: '', input: '', connection: '' },
  tuned: {
    agent: 'metric_batch_size = 10000\n  metric_buffer_limit = 200000\n  flush_interval = "1s"',
    input: 'max_undelivered_messages = 10000',
    connection: '?pool_max_conns=2',
  },
} as const;

/** mqtt_consumer → outputs.postgresql, of the same JSON. Telegraf makes its own table: time, topic and value. */
export async function runTelegraf(
  bench: Bench,
  { database, signalIds, size }: { database: BenchDatabase; signalIds: number[]; size: PlantSize },
  program: string,
  form: keyof typeof telegrafForms,
  ticks: number,
): Promise<PeerRun> {
  const { agent, input, connection } = telegrafForms[form];
  const broker = await bench.broker('alone');
  const file = join(mkdtempSync(join(bench.runDir, 'telegraf-')), 'telegraf.conf');
  writeFileSync(
    file,
    `[agent]
  omit_hostname = true
  ${agent}
[[inputs.mqtt_consumer]]
  servers = ["${broker.url.replace('mqtt:', 'tcp:')}"]
  topics = ["#"]
  qos = 1
  name_override = "${table}"
  data_format = "json"
  json_time_key = "ts"
  json_time_format = "unix_ms"
  ${input}
[[outputs.postgresql]]
  connection = "${database.url}${connection}"
`,
  );
  const telegraf = track(spawn(program, ['--config', file], { stdio: 'ignore' }));
  const ended = new Promise<void>((resolve) => telegraf.once('exit', () => resolve()));
  const publisher = await startPublisher({
    url: broker.url,
    protocol: 'mqtt',
    nodes: benchNodes(size),
    signal_ids: signalIds,
    seed: bench.result.seed,
  });
  const rows = async (): Promise<number> => {
    const [found] = await database.database.query<{ there: boolean }>('select to_regclass($1) is not null as there', [
      table,
    ]);
    if (found?.there !== true) return 0;
    const [row] = await database.database.query<{ rows: number }>(`select count(*)::float8 as rows from ${table}`);
    return row?.rows ?? 0;
  };
  const publishTo = async (count: number): Promise<{ seconds: number; stored: number; sent: number }> => {
    const before = await rows();
    const report = await publisher.publish({ ticks: count, start_ms: now() - count, step_ms: 1, paced: false });
    let stored = 0;
    for (const deadline = monotonic() + 60_000; stored < report.readings && monotonic() < deadline; ) {
      await pause(100);
      stored = (await rows()) - before;
    }
    return { seconds: (now() - report.started_at_ms) / 1000, stored, sent: report.readings };
  };
  try {
    // It does not say when it listens; what is sent before goes nowhere.
    await pause(3000);
    await publishTo(Math.ceil(ticks / 4));
    const before = processUsage(telegraf.pid ?? 0).cpu_seconds;
    const { seconds, stored, sent } = await publishTo(ticks);
    return {
      readings_per_second: stored / seconds,
      wrong: stored === sent ? [] : [`${sent} readings were sent, ${stored} are stored`],
      cpu_us: ((processUsage(telegraf.pid ?? 0).cpu_seconds - before) / sent) * 1e6,
    };
  } finally {
    await publisher.close();
    telegraf.kill('SIGKILL');
    await ended;
    await database.database.query(`drop table if exists ${table}`);
    await bench.stop(broker);
  }
}
