import { mkdtempSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { now, pause } from '../../core/clock.ts';
import { referencePlant } from '../../core/plant/reference-plant.ts';
import { Quality } from '../../core/reading.ts';
import type { Bench } from './context.ts';

/** How much faster than real time the plant runs: above it the broker is the limit. */
const speed = 10;

/**
 * Bytes a reading on disk, with readings of the simulated plant: physics, noise and the two or three digits that real
 * sensors have, through the whole of ingest. On TimescaleDB after compression, column by column.
 */
export async function storageBench(bench: Bench): Promise<void> {
  const database = await bench.database(referencePlant(bench.result.seed));
  const broker = await bench.broker('roomy');
  const dataDir = mkdtempSync(join(bench.runDir, 'storage-'));
  const environment = { DATABASE_URL: database.url, MQTT_URL: broker.url, REDIS_URL: '', DATA_DIR: dataDir };
  const ingest = await bench.room('ingest/main.ts', environment);
  const from = new Date(now() - bench.seconds * speed * 1000 - 60_000).toISOString();
  const simulators = await bench.room('simulators/main.ts', { ...environment, SIMULATE_SPEED: String(speed) }, [
    '--only',
    'mqtt,sparkplug',
    '--from',
    from,
  ]);
  bench.result.notes.push('The lines that speak OPC UA are left out: their server does not hold 10 times the speed.');
  for (let left = bench.seconds; left > 0; left -= 10) {
    await pause(Math.min(left, 10) * 1000);
    const [row] = await database.database.query<{ rows: number }>(
      'select coalesce(sum(stored), 0)::float8 as rows from ledger',
    );
    bench.say(`${(row?.rows ?? 0).toLocaleString('en')} readings`);
  }
  await bench.stop(simulators);
  await pause(2000);
  await bench.stop(ingest);
  const sent = JSON.parse(readFileSync(join(dataDir, 'simulator', 'sent.json'), 'utf8')) as {
    sources: { sent: number }[];
  };
  const [rows] = await database.database.query<{ rows: number; signals: number }>(
    'select count(*)::float8 as rows, count(distinct signal_id)::float8 as signals from reading',
  );
  const count = rows?.rows ?? 0;
  if (count === 0) throw new Error('The simulated plant stored nothing.');
  await compareWithSent(bench, database, { count, signals: rows?.signals ?? 0 }, sent.sources);
  if (database.engine === 'embedded') {
    const [size] = await database.database.query<{ heap: number; index: number }>(
      `select sum(pg_relation_size(inhrelid))::float8 as heap, sum(pg_indexes_size(inhrelid))::float8 as index from pg_inherits where inhparent = 'reading'::regclass`,
    );
    bench.measure({ what: 'heap', value: (size?.heap ?? 0) / count, unit: 'B a reading' });
    bench.measure({ what: 'indexes', value: (size?.index ?? 0) / count, unit: 'B a reading' });
    bench.measure({
      what: 'on disk',
      value: ((size?.heap ?? 0) + (size?.index ?? 0)) / count,
      unit: 'B a reading',
      note: 'plain PostgreSQL does not compress; the goal is for TimescaleDB',
    });
    return;
  }
  const before = await hypertableBytes(bench, database);
  await database.database.query(`select compress_chunk(c, if_not_compressed => true) from show_chunks('reading') c`);
  const after = await hypertableBytes(bench, database);
  bench.measure({ what: 'before compression', value: before / count, unit: 'B a reading' });
  bench.measure({
    what: 'on disk after compression',
    value: after / count,
    unit: 'B a reading',
    goal: { text: '≤ 8 B', met: after / count <= 8 },
  });
  await columnBytes(bench, database, count, after);
  const [batches] = await database.database.query<{ rows: number }>(
    `select count(*)::float8 / greatest(count(distinct signal_id), 1) as rows from reading`,
  );
  bench.measure({
    what: 'readings of a signal',
    value: batches?.rows ?? 0,
    unit: '',
    note: 'a batch of the columnstore takes 1,000',
  });
}

type Opened = Awaited<ReturnType<Bench['database']>>;

/**
 * What the simulators say that they sent is what ingest has received, but for the marks that ingest sets itself: at the end
 * the Sparkplug nodes say goodbye, and every metric of them is stored once more as stale.
 */
async function compareWithSent(
  bench: Bench,
  { database }: Opened,
  { count, signals }: { count: number; signals: number },
  sources: readonly { sent: number }[],
): Promise<void> {
  const sent = sources.reduce((sum, source) => sum + source.sent, 0);
  const [books] = await database.query<Record<'received' | 'stored' | 'duplicate' | 'rejected' | 'stale', number>>(
    `select sum(received)::float8 as received, sum(stored)::float8 as stored, sum(duplicate)::float8 as duplicate,
            sum(rejected)::float8 as rejected, (select count(*)::float8 from reading where quality = $1) as stale from ledger`,
    [Quality.stale],
  );
  const { received = 0, stored = 0, duplicate = 0, rejected = 0, stale = 0 } = books ?? {};
  bench.measure({
    what: 'readings',
    value: count,
    unit: '',
    note: `${signals} signals; sent ${sent}, and ${stale} marked stale when the Sparkplug nodes went; of these ${duplicate} came twice and ${rejected} were rejected, as the mess of the simulated plant and QoS 1 have it`,
  });
  const surplus = received - stale - sent;
  if (surplus < 0) bench.refuse(`${sent} readings were sent, and ${-surplus} of them were not received`);
  if (surplus > 0) bench.result.notes.push(`${surplus} readings were delivered again by the broker, and stored once.`);
  if (stored !== count) bench.refuse(`the books say that ${stored} readings are stored, and there are ${count}`);
}

async function hypertableBytes(_bench: Bench, { database }: Opened): Promise<number> {
  const [row] = await database.query<{ bytes: number }>(`select hypertable_size('reading')::float8 as bytes`);
  return row?.bytes ?? 0;
}

/** What bounds it: the bytes of each compressed column, and what is beside them. */
async function columnBytes(bench: Bench, { database }: Opened, count: number, whole: number): Promise<void> {
  const chunks = await database.query<{ table: string }>(
    `select format('%I.%I', b.schema_name, b.table_name) as table from _timescaledb_catalog.chunk c
       join _timescaledb_catalog.chunk b on b.id = c.compressed_chunk_id
       join _timescaledb_catalog.hypertable h on h.id = c.hypertable_id where h.table_name = 'reading' and h.schema_name = 'public'`,
  );
  const sums = { time: 0, value: 0, quality: 0, indexes: 0 };
  for (const { table } of chunks) {
    const [row] = await database.query<typeof sums>(
      `select sum(pg_column_size(time))::float8 as time, sum(pg_column_size(value))::float8 as value, sum(pg_column_size(quality))::float8 as quality,
              pg_indexes_size('${table}')::float8 as indexes from ${table}`,
    );
    for (const name of ['time', 'value', 'quality', 'indexes'] as const) sums[name] += row?.[name] ?? 0;
  }
  const columns = sums.time + sums.value + sums.quality;
  const each = (bytes: number): string => `${(bytes / count).toFixed(2)} B`;
  for (const name of ['time', 'value', 'quality'] as const)
    bench.measure({ what: `the column ${name}`, value: sums[name] / count, unit: 'B a reading' });
  bench.measure({
    what: 'beside the columns',
    value: (whole - columns) / count,
    unit: 'B a reading',
    note: `indexes ${each(sums.indexes)}; the rest are the least and greatest of each batch, row and TOAST headers, and pages that are not full`,
  });
  bench.result.notes.push(
    `What bounds it is the column of values: noise in the last digits has that many bits of information, which no lossless compression takes away. All of it together takes ${(whole / sums.value).toFixed(2)} × that column. Fewer digits, or storing only what changed by more than a sensor resolves, would make it smaller; both throw something away, so Millrace does neither by itself.`,
  );
}
