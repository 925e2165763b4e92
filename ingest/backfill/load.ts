import { monotonic, pause } from '../../core/clock.ts';
import type { Connection } from '../../core/database.ts';
import type { TextValues } from '../store/text-values.ts';
import { keepBadCells, keepConflicts, writeBooks } from './books.ts';
import type { FilePosition, FileReader } from './reader.ts';
import { writeRun, type RunState } from './run-state.ts';
import type { Run } from './run.ts';
import { addBad, clearSink, createSink, type BadCell, type Sink } from './sink.ts';
import { sortRows, type SortedRows } from './sort-rows.ts';

const dayUs = 86_400_000_000;

/** A sink on its way to the database, and where the files stand when its rows are in. */
interface Batch {
  sink: Sink;
  positions: Map<number, { position: FilePosition; done: boolean }>;
  fraction: number;
}

/**
 * Reads every file that is not done into the staging, batch after batch. While one batch is sorted and sent, the next
 * cannot be read (one thread), but the database works on one while the next is read.
 */
export async function loadFiles(
  run: Run,
  open: (index: number) => Promise<FileReader>,
  weights: readonly number[],
  texts: TextValues,
): Promise<void> {
  const { state, progress, options } = run;
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const spare: Sink[] = [createSink(options.batch_rows), createSink(options.batch_rows)];
  let batch: Batch = { sink: spare.pop() ?? createSink(0), positions: new Map(), fraction: 0 };
  let storing: Promise<void> = Promise.resolve();
  let before = 0;
  let loaded = 0;

  async function hand(): Promise<void> {
    await storing;
    const full = batch;
    storing = storeBatch(run, full, texts).then(() => {
      loaded += full.sink.columns.length;
      progress.update(full.fraction, `${loaded.toLocaleString('en')} readings`, loaded);
      clearSink(full.sink);
      spare.push(full.sink);
    });
    // Awaited at the next batch; it must not count as unhandled until then.
    storing.catch(() => undefined);
    if (spare.length === 0) await storing;
    batch = { sink: spare.pop() ?? createSink(0), positions: new Map(), fraction: 0 };
  }

  async function readAll(): Promise<void> {
    for (const [index, file] of state.files.entries()) {
      const weight = weights[index] ?? 0;
      if (!file.done) {
        const reader = await open(index);
        try {
          let position = file.position ?? reader.start;
          while (!reader.isEnd(position)) {
            run.throwIfStopped();
            const { sink } = batch;
            position = await reader.read(
              position,
              sink,
              () => sink.columns.length >= options.batch_rows || sink.bad_count >= options.batch_rows,
            );
            guardAgainstNonsense(sink);
            batch.positions.set(index, { position, done: reader.isEnd(position) });
            batch.fraction = (before + weight * reader.fractionOf(position)) / Math.max(1, total);
            if (sink.columns.length >= options.batch_rows || sink.bad_count >= options.batch_rows) await hand();
          }
          if (!batch.positions.has(index) && reader.isEnd(position))
            batch.positions.set(index, { position, done: true });
        } finally {
          await reader.close();
        }
      }
      before += weight;
    }
    batch.fraction = 1;
    await hand();
  }

  try {
    await readAll();
  } finally {
    // Also after a failure or a stop: what is on its way is either committed or not when the caller goes on.
    await storing;
  }
}

/** When nothing but bad cells came out of a batch, the mapping is wrong, and going on would only cost time. */
function guardAgainstNonsense(sink: Sink): void {
  if (sink.columns.length > 0 || sink.bad_count < 10_000) return;
  throw new Error(
    `None of the first ${sink.bad_count} cells could be taken; nothing more was read. The first: ${describeBad(sink.bad[0])}`,
  );
}

/** File, line, column and value of a bad cell, and what is accepted, in one sentence. */
export function describeBad(bad: BadCell | undefined): string {
  return bad === undefined
    ? ''
    : `${bad.file}, line ${bad.line}, column ${bad.column}: ${bad.value}; accepted is ${bad.accepted}.`;
}

async function storeBatch(run: Run, batch: Batch, texts: TextValues): Promise<void> {
  const { state, staging, options } = run;
  const { sink } = batch;
  if (options.check) {
    await judgeBatch(run, batch, texts);
    return;
  }
  const pace = createPace(options.rows_per_second);
  let resolved = new Map<string, number>();
  let bad: BadCell[] = [];
  await run.database.withTransaction(async (connection) => {
    resolved = await resolveTexts(connection, run, sink, texts);
    const sorted = sortRows(sink.columns, staging.interval_us, staging.order);
    for (const { interval, columns } of sorted.pieces) {
      await staging.copy(connection, interval, columns, pace);
      noteRows(run, columns);
    }
    bad = sink.bad.slice(0, run.room_for_bad);
    await writeBatchBooks(connection, run, sink, sorted, bad);
    for (const [index, { position, done }] of batch.positions) {
      const file = state.files[index];
      if (file !== undefined) Object.assign(file, { position, done });
    }
    await writeRun(connection, run.key, state);
  });
  texts.committed(resolved);
  run.room_for_bad -= bad.length;
  run.reportBad(sink);
}

/** The dry run: everything is judged, and counted in a state that nobody keeps. */
async function judgeBatch(run: Run, { sink, positions }: Batch, texts: TextValues): Promise<void> {
  const sorted = sortRows(sink.columns, run.staging.interval_us, run.staging.order);
  for (const { columns } of sorted.pieces) noteRows(run, columns);
  count(run.state, sink, sorted);
  for (const [index, { done }] of positions) {
    const file = run.state.files[index];
    if (file !== undefined) file.done = done;
  }
  texts.committed(new Map());
  run.reportBad(sink);
  await pause(0);
}

/** Gives texts their numbers. A text without room becomes a bad cell, and its row one without a usable value. */
async function resolveTexts(
  connection: Connection,
  run: Run,
  sink: Sink,
  texts: TextValues,
): Promise<Map<string, number>> {
  const resolved = await texts.resolve(connection, run.organization_id, [
    ...new Set(sink.texts.map(({ text }) => text)),
  ]);
  const without = new Set<number>();
  for (const { row, text } of sink.texts) {
    const number = resolved.get(text);
    if (number !== undefined) sink.columns.value[row] = number;
    else {
      without.add(row);
      const accepted = 'a text that was seen before, because the room for distinct texts is used up';
      const signal = sink.columns.signal_id[row] ?? 0;
      addBad(sink, {
        file: 'text',
        line: 0,
        column: run.signals.byId(signal)?.path ?? '',
        value: text,
        reason: 'too_many_texts',
        accepted,
        signal_id: signal,
        time_us: sink.columns.time_us[row] ?? Number.NaN,
      });
    }
  }
  if (without.size > 0) dropRows(sink, without);
  sink.texts.length = 0;
  return resolved;
}

function dropRows({ columns }: Sink, without: ReadonlySet<number>): void {
  let kept = 0;
  for (let row = 0; row < columns.length; row++) {
    if (without.has(row)) continue;
    columns.time_us[kept] = columns.time_us[row] ?? 0;
    columns.value[kept] = columns.value[row] ?? 0;
    columns.signal_id[kept] = columns.signal_id[row] ?? 0;
    columns.quality[kept] = columns.quality[row] ?? 0;
    kept++;
  }
  columns.length = kept;
}

/** Which days and machines were touched, and the newest row of each signal. */
function noteRows(run: Run, columns: Sink['columns']): void {
  const { state, signals } = run;
  const machines = new Map<number, number>();
  let day: RunState['days'][string] | undefined;
  let dayEnd = Number.NEGATIVE_INFINITY;
  let dayStart = Number.POSITIVE_INFINITY;
  for (let row = 0; row < columns.length; row++) {
    const time = columns.time_us[row] ?? 0;
    const signal = columns.signal_id[row] ?? 0;
    if (time >= dayEnd || time < dayStart || day === undefined) {
      const index = Math.floor(time / dayUs);
      dayStart = index * dayUs;
      dayEnd = dayStart + dayUs;
      day = state.days[index] ??= { from_us: time, to_us: time, rows: 0, machine_ids: [] };
    }
    day.rows++;
    if (time < day.from_us) day.from_us = time;
    if (time > day.to_us) day.to_us = time;
    let machine = machines.get(signal);
    if (machine === undefined) {
      const known = signals.byId(signal);
      machine = known === undefined || known.kind === 'measurement' ? 0 : known.machine_id;
      machines.set(signal, machine);
    }
    if (machine !== 0 && !day.machine_ids.includes(machine)) day.machine_ids.push(machine);
    const newest = run.newest_us[signal] ?? Number.NEGATIVE_INFINITY;
    if (time > newest) {
      run.newest_us[signal] = time;
      const value = columns.value[row] ?? Number.NaN;
      state.newest[signal] = {
        time_us: time,
        value: Number.isNaN(value) ? null : value,
        quality: columns.quality[row] ?? 0,
      };
    }
  }
}

async function writeBatchBooks(
  connection: Connection,
  run: Run,
  sink: Sink,
  sorted: SortedRows,
  bad: readonly BadCell[],
): Promise<void> {
  const { organization_id, source_id } = run;
  count(run.state, sink, sorted);
  await keepBadCells(connection, organization_id, source_id, bad);
  const { columns } = sink;
  const conflicts = sorted.conflicts.slice(0, run.room_for_bad).map(({ kept, left_out }) => ({
    signal_id: columns.signal_id[left_out] ?? 0,
    time_us: columns.time_us[left_out] ?? 0,
    value: Number.isNaN(columns.value[left_out] ?? Number.NaN) ? null : (columns.value[left_out] ?? 0),
    detail: `The files have ${columns.value[kept]} with quality ${columns.quality[kept]} at this time, and this one with ${columns.value[left_out]} and ${columns.quality[left_out]}; the first one is kept.`,
  }));
  await keepConflicts(connection, organization_id, source_id, conflicts, run.signals);
  await writeBooks(connection, organization_id, source_id, {
    received: sink.bad_count + sorted.duplicates,
    stored: 0,
    duplicate: sorted.duplicates,
    conflict: sorted.conflicts.length,
    rejected: sink.bad_count,
  });
}

function count(state: RunState, sink: Sink, sorted: SortedRows): void {
  state.received += sink.columns.length + sink.bad_count;
  state.duplicate += sorted.duplicates;
  state.conflict += sorted.conflicts.length;
  state.rejected += sink.bad_count;
  state.empty += sink.empty;
}

/** Waits between pieces so that no more than `rowsPerSecond` leave on average. */
function createPace(rowsPerSecond: number | undefined): (rows: number) => Promise<void> {
  if (rowsPerSecond === undefined) return () => Promise.resolve();
  const startedAt = monotonic();
  let sent = 0;
  return async (rows) => {
    sent += rows;
    const ahead = (sent / rowsPerSecond) * 1000 - (monotonic() - startedAt);
    if (ahead > 5) await pause(ahead);
  };
}
