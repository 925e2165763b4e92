import { createHash } from 'node:crypto';
import { open as openFile, stat } from 'node:fs/promises';
import type { Clock } from '../../core/clock.ts';
import type { Database } from '../../core/database.ts';
import { createTextValues } from '../store/text-values.ts';
import { backfillSourceId, keepConflicts, raiseLatestValues, writeBooks } from './books.ts';
import { mapColumns } from './column-map.ts';
import { loadFiles } from './load.ts';
import type { BackfillOptions } from './options.ts';
import type { Progress } from './progress.ts';
import { openCsv } from './read-csv.ts';
import { openParquet } from './read-parquet.ts';
import type { FileReader } from './reader.ts';
import { refreshRollups } from './refresh-rollups.ts';
import {
  forgetRun,
  newState,
  prepareRuns,
  readRun,
  runKey,
  unfinishedRuns,
  writeRun,
  type RunState,
} from './run-state.ts';
import { loadBackfillSignals, type BackfillSignals } from './signals.ts';
import type { Sink } from './sink.ts';
import { postgresStaging } from './staging-postgres.ts';
import { timescaleStaging } from './staging-timescale.ts';
import type { Staging } from './staging.ts';

/** Everything that the steps of one run share. */
export interface Run {
  database: Database;
  options: BackfillOptions;
  progress: Progress;
  signals: BackfillSignals;
  staging: Staging;
  state: RunState;
  key: string;
  organization_id: number;
  source_id: number;
  /** How many more bad cells are kept in rejected_reading. */
  room_for_bad: number;
  /** Newest time by signal id, for a quick look. */
  newest_us: number[];
  reportBad(sink: Sink): void;
  throwIfStopped(): void;
}

/** The user asked to stop; what was done is kept. */
export class StoppedError extends Error {
  override readonly name = 'StoppedError';
}

const mostRejected = 10_000;

/**
 * Loads files into the plant's history: read and stage, merge, refresh the rollups of what was touched. Every step can be
 * interrupted and goes on at the next call with the same files. Answers the counts; `already` when nothing was left to do.
 */
export async function backfill(context: {
  database: Database;
  enterprise: string;
  options: BackfillOptions;
  progress: Progress;
  clock: Clock;
  farFutureHours: number;
  reportBad: (sink: Sink) => void;
  stopped: () => boolean;
}): Promise<{ state: RunState; already: string | undefined }> {
  const { database, options, progress } = context;
  const organizationId = await findOrganization(database, context.enterprise);
  return withLock(database, async () => {
    const signals = await loadBackfillSignals(database, organizationId);
    const staging = await database.withConnection(async (connection) =>
      (await isTimescale(database)) ? timescaleStaging(connection) : postgresStaging(),
    );
    const files = await Promise.all(options.files.map(async (file) => ({ file, ...(await describeFile(file)) })));
    const { columns, zone, delimiter } = options;
    const key = runKey(
      files.map(({ fingerprint }) => fingerprint),
      [context.enterprise, { ...columns, names: [...columns.names], ignore: [...columns.ignore] }, zone, delimiter],
    );
    if (!options.check) await prepareRuns(database);
    const earlier = options.check ? undefined : await readRun(database, key);
    if (earlier?.state.phase === 'done' && !options.again) return { state: earlier.state, already: earlier.updated_at };
    if (!options.check) await settleOthers(database, staging, key, options);
    const goesOn = earlier !== undefined && earlier.state.phase !== 'done';
    if (goesOn)
      progress.say(
        `Going on with the run of ${earlier.updated_at}: ${earlier.state.received.toLocaleString('en')} readings are read already.`,
      );
    const state = goesOn ? earlier.state : newState(files);
    for (const [index, { file }] of files.entries()) Object.assign(state.files[index] ?? {}, { file });
    const run: Run = {
      database,
      options,
      progress,
      signals,
      staging,
      state,
      key,
      organization_id: organizationId,
      source_id: options.check ? 0 : await backfillSourceId(database, organizationId),
      room_for_bad: mostRejected,
      newest_us: Object.entries(state.newest).reduce((times: number[], [signal, { time_us }]) => {
        times[Number(signal)] = time_us;
        return times;
      }, []),
      reportBad: context.reportBad,
      throwIfStopped() {
        if (context.stopped()) throw new StoppedError('Stopped; the same command goes on from here.');
      },
    };
    await work(
      run,
      files.map(({ size }) => size),
      await readLimits(database, context),
    );
    return { state, already: undefined };
  });
}

async function work(run: Run, weights: readonly number[], limits: Limits): Promise<void> {
  const { database, state, options, progress } = run;
  if (state.phase === 'load') {
    progress.phase('reading');
    if (!options.check) await database.withTransaction((connection) => run.staging.prepare(connection));
    await loadFiles(run, (index) => openReader(run, limits, index), weights, createTextValues());
    if (options.check) return;
    await enter(run, 'merge');
  }
  if (state.phase === 'merge') {
    progress.phase('merging');
    await mergeRanges(run);
    await database.withTransaction(async (connection) => {
      await run.staging.drop(connection);
      await raiseLatestValues(connection, state.newest);
      state.phase = 'rollups';
      await writeRun(connection, run.key, state);
    });
  }
  if (state.phase === 'rollups') {
    progress.phase('rollups');
    await refreshRollups(run);
    await enter(run, 'done');
  }
}

async function enter(run: Run, phase: RunState['phase']): Promise<void> {
  run.state.phase = phase;
  await run.database.withTransaction((connection) => writeRun(connection, run.key, run.state));
}

async function mergeRanges(run: Run): Promise<void> {
  const { database, state, staging, progress } = run;
  const ranges = await staging.ranges(database);
  for (const [index, range] of ranges.entries()) {
    run.throwIfStopped();
    await database.withTransaction(async (connection) => {
      const merged = await staging.merge(connection, range);
      state.stored += merged.stored;
      state.duplicate += merged.duplicate;
      state.conflict += merged.conflict;
      await keepConflicts(connection, run.organization_id, run.source_id, merged.conflicts, run.signals);
      const received = merged.stored + merged.duplicate;
      await writeBooks(connection, run.organization_id, run.source_id, { ...merged, received, rejected: 0 });
      await writeRun(connection, run.key, state);
    });
    progress.update(
      (index + 1) / ranges.length,
      `${state.stored.toLocaleString('en')} readings stored, to ${range.to}`,
      state.stored,
    );
  }
}

interface Limits {
  earliest_us: number;
  latest_us: number;
  accepted_earliest: string;
  accepted_latest: string;
}

/** Older than what rollups can be built for, or further ahead than live readings may be: both are refused, by name. */
async function readLimits(database: Database, context: { clock: Clock; farFutureHours: number }): Promise<Limits> {
  const [row] = await database.query<{ us: number; text: string }>(
    `select (extract(epoch from kept) * 1000000)::int8 as us, to_char(kept at time zone 'UTC', 'YYYY-MM-DD HH24:MI "UTC"') as text
       from (select greatest(first_kept_minute(), '1990-01-02 00:00+00') as kept) k`,
  );
  return {
    earliest_us: row?.us ?? 0,
    latest_us: (context.clock() + context.farFutureHours * 3_600_000) * 1000,
    accepted_earliest: `a time not before ${row?.text} (older readings have been dropped, so that their rollups could not be kept right)`,
    accepted_latest: `a time at most ${context.farFutureHours} h ahead (FAR_FUTURE_HOURS)`,
  };
}

async function openReader(run: Run, limits: Limits, index: number): Promise<FileReader> {
  const file = run.state.files[index]?.file ?? '';
  let header: readonly string[] = [];
  const context = {
    file,
    signals: run.signals,
    ...limits,
    zone: run.options.zone,
    delimiter: run.options.delimiter,
    header: () => header,
    mapColumns(names: readonly string[]) {
      header = names.map((name) => name.trim());
      return mapColumns(file, names, run.options.columns, run.signals);
    },
  };
  return /\.(parquet|pq)$/i.test(file) ? openParquet(context) : openCsv(context);
}

/** Size, and a fingerprint of size, beginning and end: a terabyte is not read twice to be recognised. */
async function describeFile(file: string): Promise<{ size: number; fingerprint: string }> {
  const { size } = await stat(file);
  const handle = await openFile(file, 'r');
  try {
    const hash = createHash('sha256').update(String(size));
    const part = Buffer.alloc(Math.min(size, 65_536));
    for (const at of [0, Math.max(0, size - part.length)]) {
      await handle.read(part, 0, part.length, at);
      hash.update(part);
    }
    return { size, fingerprint: hash.digest('hex') };
  } finally {
    await handle.close();
  }
}

async function findOrganization(database: Database, enterprise: string): Promise<number> {
  const [row] = await database.query<{ organization_id: number }>(
    'select organization_id from organization where name = $1',
    [enterprise],
  );
  if (row === undefined) {
    throw new Error(
      `This database has no plant of "${enterprise}" (ENTERPRISE). Bring it in first: npm run plant -- import FILE.`,
    );
  }
  return row.organization_id;
}

async function isTimescale(database: Database): Promise<boolean> {
  const found = await database.query("select 1 from schema_migration where engine = 'timescale' limit 1");
  return found.length > 0;
}

/** One back-fill at a time on a database. */
function withLock<Result>(database: Database, work: () => Promise<Result>): Promise<Result> {
  return database.withConnection(async (connection) => {
    const [row] = await connection.query<{ taken: boolean }>(
      "select pg_try_advisory_lock(hashtext('backfill')) as taken",
    );
    if (row?.taken !== true) throw new Error('Another back-fill is running on this database; wait for its end.');
    try {
      return await work();
    } finally {
      await connection.query("select pg_advisory_unlock(hashtext('backfill'))").catch(() => undefined);
    }
  });
}

/** An interrupted run of other files has rows staged, which this one must not mix with its own. */
async function settleOthers(
  database: Database,
  staging: Staging,
  key: string,
  options: BackfillOptions,
): Promise<void> {
  const others = await unfinishedRuns(database, key);
  if (others.length === 0) return;
  if (!options.abandon) {
    throw new Error(
      `A back-fill of ${others[0]?.files.join(' ')} was interrupted. Give the same command again to finish it, or add --abandon to this one to throw its rows away.`,
    );
  }
  await database.withTransaction(async (connection) => {
    for (const { table } of await staging.ranges(connection))
      await connection.query(`drop table if exists ${table}`).catch(() => undefined);
    await staging.drop(connection);
    for (const { run_key } of others) await forgetRun(connection, run_key);
  });
}
