import { monotonic, pause } from '../../core/clock.ts';
import type { BenchBroker } from './bench-broker.ts';
import type { BenchDatabase } from './bench-database.ts';
import type { BenchProcess } from './bench-process.ts';
import { eachLag, watchCommits } from './commits.ts';
import { processUsage } from './process-usage.ts';
import type { PublishOrder, Publisher, PublishReport } from './publisher.ts';
import { quantile } from './statistics.ts';

/** One run of ingest: what was sent, how fast all of it was committed, and what it cost. */
export interface MeasuredRun {
  report: PublishReport;
  readings_per_second: number;
  /** Readings that were not stored within the time limit. */
  missing: number;
  lost_upstream: number;
  /** From the first byte sent to the last commit. */
  seconds: number;
  cpu: { ingest: number; broker: number; database: number; publisher: number };
  wal_bytes: number;
  /** Source time to commit, of readings of up to 200 batches; NaN unless the run was paced. */
  lag_ms: { p50: number; p99: number; max: number };
}

/** Ingest, broker and database that are up, and a publisher that is connected. */
export interface Rig {
  database: BenchDatabase;
  broker: BenchBroker;
  ingest: BenchProcess;
  publisher: Publisher;
}

/** What ends a reading: that it is stored, or, of readings that were sent before, that it is seen to be a duplicate. */
type Counted = 'stored' | 'duplicate';

/** When nothing more has been committed for so long, the rest is missing. Retries of a batch are at most a second apart. */
const usualPatienceMs = 20_000;

/** Publishes and waits until everything is committed. */
export async function runIngest(
  rig: Rig,
  order: PublishOrder,
  { counts = 'stored', patienceMs = usualPatienceMs }: { counts?: Counted; patienceMs?: number } = {},
): Promise<MeasuredRun> {
  const { database, broker, ingest, publisher } = rig;
  const watch = await watchCommits(database);
  const before = await books(database, counts);
  const usage = (): MeasuredRun['cpu'] => ({
    ingest: processUsage(ingest.pid).cpu_seconds,
    broker: processUsage(broker.pid).cpu_seconds,
    database: database.usage().cpu_seconds,
    publisher: processUsage(publisher.pid).cpu_seconds,
  });
  const cpuBefore = usage();
  const walBefore = await database.walBytes();
  const report = await publisher.publish(order);
  let after = await books(database, counts);
  for (let ended = -1, since = monotonic(); after.ended - before.ended < report.readings; ) {
    if (after.ended !== ended) {
      ended = after.ended;
      since = monotonic();
    } else if (monotonic() - since > patienceMs) break;
    await pause(20);
    after = await books(database, counts);
  }
  const cpuAfter = usage();
  const walAfter = await database.walBytes();
  await watch.stop();
  const lags: number[] = [];
  if (order.paced) await eachLag(database, watch, { batches: 200, rows: 1000 }, (lag) => lags.push(lag));
  const seconds = (after.last_commit_ms - report.started_at_ms) / 1000;
  const stored = after.ended - before.ended;
  return {
    report,
    seconds,
    readings_per_second: stored / seconds,
    missing: report.readings - stored,
    lost_upstream: after.lost - before.lost,
    cpu: {
      ingest: cpuAfter.ingest - cpuBefore.ingest,
      broker: cpuAfter.broker - cpuBefore.broker,
      database: cpuAfter.database - cpuBefore.database,
      publisher: cpuAfter.publisher - cpuBefore.publisher,
    },
    wal_bytes: walAfter - walBefore,
    lag_ms: { p50: quantile(lags, 0.5), p99: quantile(lags, 0.99), max: quantile(lags, 1) },
  };
}

async function books(
  { database }: BenchDatabase,
  counts: Counted,
): Promise<{ ended: number; lost: number; last_commit_ms: number }> {
  const [row] = await database.query<{ ended: number; lost: number; last_commit_ms: number }>(
    `select coalesce(sum(${counts}), 0)::float8 as ended, coalesce(sum(lost_upstream), 0)::float8 as lost,
            (select coalesce(extract(epoch from max(stored_at)) * 1000, 0)::float8 from reading_batch) as last_commit_ms from ledger`,
  );
  return row ?? { ended: 0, lost: 0, last_commit_ms: 0 };
}
