import { createColumns, type ReadingColumns } from '../../core/reading-columns.ts';

/** Rows of a batch in the order in which a database takes them fastest, without those that are there twice. */
export interface SortedRows {
  /** Pieces of one time interval each, oldest first. */
  pieces: { interval: number; columns: ReadingColumns }[];
  /** Rows left out because an earlier row of the batch has the same signal and time. */
  duplicates: number;
  /** Of these, the ones with another value or quality than the row that was kept: (row kept, row left out). */
  conflicts: { kept: number; left_out: number }[];
}

/** `signal`: by signal, newest first (a columnstore's own order). `time`: oldest first (a heap with a BRIN on time). */
export type RowOrder = 'signal' | 'time';

/**
 * Sorts by signal with a counting sort, and within a signal by time only where the file has not done it already; a file
 * in time order thus costs 45 ns a row. `intervalUs` cuts the result where the database's chunks or partitions end.
 */
export function sortRows(columns: ReadingColumns, intervalUs: number, order: RowOrder): SortedRows {
  const { rows, starts } = bySignal(columns);
  const duplicates = dropDuplicates(columns, rows, starts);
  const places = placeRows(columns, rows, starts, intervalUs);
  const pieces = [...places.keys()]
    .sort((left, right) => left - right)
    .map((interval) => {
      const pieceRows = places.get(interval) ?? [];
      return {
        interval,
        columns: gather(
          columns,
          order === 'time' ? byTime(columns, pieceRows, interval * intervalUs, intervalUs) : flatten(pieceRows),
        ),
      };
    });
  return { pieces, ...duplicates };
}

/** Row numbers grouped by signal, each group ascending in time, and where each group begins. */
function bySignal({ length, signal_id, time_us }: ReadingColumns): { rows: Int32Array; starts: number[] } {
  const dense = new Map<number, number>();
  const group = new Int32Array(length);
  const counts: number[] = [];
  let lastSignal = -1;
  let lastGroup = 0;
  for (let row = 0; row < length; row++) {
    const signal = signal_id[row] ?? 0;
    if (signal !== lastSignal) {
      const known = dense.get(signal);
      lastGroup = known ?? counts.length;
      if (known === undefined) {
        dense.set(signal, lastGroup);
        counts.push(0);
      }
      lastSignal = signal;
    }
    group[row] = lastGroup;
    counts[lastGroup] = (counts[lastGroup] ?? 0) + 1;
  }
  // Groups in the order of their signals, as the columnstore's index has them.
  const ordered = [...dense].sort(([left], [right]) => left - right).map(([, index]) => index);
  const begin = new Int32Array(counts.length);
  const starts: number[] = [];
  let next = 0;
  for (const index of ordered) {
    starts.push(next);
    begin[index] = next;
    next += counts[index] ?? 0;
  }
  starts.push(next);
  const rows = new Int32Array(length);
  for (let row = 0; row < length; row++) {
    const index = group[row] ?? 0;
    const place = begin[index] ?? 0;
    rows[place] = row;
    begin[index] = place + 1;
  }
  for (let index = 0; index + 1 < starts.length; index++) {
    const part = rows.subarray(starts[index], starts[index + 1]);
    if (!isAscending(part, time_us))
      part.sort((left, right) => (time_us[left] ?? 0) - (time_us[right] ?? 0) || left - right);
  }
  return { rows, starts };
}

function isAscending(rows: Int32Array, time: Float64Array): boolean {
  for (let index = 1; index < rows.length; index++) {
    if ((time[rows[index] ?? 0] ?? 0) < (time[rows[index - 1] ?? 0] ?? 0)) return false;
  }
  return true;
}

/** Marks with -1 what repeats the time of the row before it. */
function dropDuplicates(columns: ReadingColumns, rows: Int32Array, starts: number[]): Omit<SortedRows, 'pieces'> {
  const { time_us, value, quality } = columns;
  const conflicts: SortedRows['conflicts'] = [];
  let duplicates = 0;
  for (let group = 0; group + 1 < starts.length; group++) {
    let kept = rows[starts[group] ?? 0] ?? 0;
    for (let index = (starts[group] ?? 0) + 1; index < (starts[group + 1] ?? 0); index++) {
      const row = rows[index] ?? 0;
      if (time_us[row] !== time_us[kept]) {
        kept = row;
        continue;
      }
      rows[index] = -1;
      duplicates++;
      if (!Object.is(value[row], value[kept]) || quality[row] !== quality[kept])
        conflicts.push({ kept, left_out: row });
    }
  }
  return { duplicates, conflicts };
}

/** For each interval, the runs of rows in it: one for each signal, newest first. */
function placeRows(
  { time_us }: ReadingColumns,
  rows: Int32Array,
  starts: number[],
  intervalUs: number,
): Map<number, Int32Array[]> {
  const places = new Map<number, Int32Array[]>();
  for (let group = 0; group + 1 < starts.length; group++) {
    let run = new Int32Array(64);
    let length = 0;
    let interval = Number.NaN;
    let intervalEnd = Number.NEGATIVE_INFINITY;
    const end = starts[group + 1] ?? 0;
    for (let index = starts[group] ?? 0; index <= end; index++) {
      const row = index === end ? -2 : (rows[index] ?? -1);
      if (row === -1) continue;
      const time = row === -2 ? Number.POSITIVE_INFINITY : (time_us[row] ?? 0);
      if (time >= intervalEnd) {
        if (length > 0) {
          const runs = places.get(interval) ?? [];
          runs.push(run.slice(0, length).reverse());
          places.set(interval, runs);
        }
        length = 0;
        interval = Math.floor(time / intervalUs);
        intervalEnd = (interval + 1) * intervalUs;
      }
      if (row === -2) break;
      if (length === run.length) {
        const grown = new Int32Array(run.length * 2);
        grown.set(run);
        run = grown;
      }
      run[length++] = row;
    }
  }
  return places;
}

function flatten(runs: readonly Int32Array[]): Int32Array {
  const rows = new Int32Array(runs.reduce((sum, run) => sum + run.length, 0));
  let at = 0;
  for (const run of runs) {
    rows.set(run, at);
    at += run.length;
  }
  return rows;
}

/** Rows by time to 1/65536 of the interval, which is what a BRIN can tell apart. */
function byTime(
  { time_us }: ReadingColumns,
  runs: readonly Int32Array[],
  fromUs: number,
  intervalUs: number,
): Int32Array {
  const rows = flatten(runs);
  const slots = 65_536;
  const starts = new Int32Array(slots + 1);
  const slotOf = (row: number): number => Math.floor((((time_us[row] ?? 0) - fromUs) / intervalUs) * slots);
  for (const row of rows) starts[slotOf(row) + 1] = (starts[slotOf(row) + 1] ?? 0) + 1;
  for (let slot = 0; slot < slots; slot++) starts[slot + 1] = (starts[slot + 1] ?? 0) + (starts[slot] ?? 0);
  const sorted = new Int32Array(rows.length);
  for (const row of rows) {
    const slot = slotOf(row);
    const place = starts[slot] ?? 0;
    sorted[place] = row;
    starts[slot] = place + 1;
  }
  return sorted;
}

function gather(columns: ReadingColumns, rows: Int32Array): ReadingColumns {
  const gathered = createColumns(rows.length);
  for (let index = 0; index < rows.length; index++) {
    const row = rows[index] ?? 0;
    gathered.time_us[index] = columns.time_us[row] ?? 0;
    gathered.value[index] = columns.value[row] ?? Number.NaN;
    gathered.signal_id[index] = columns.signal_id[row] ?? 0;
    gathered.quality[index] = columns.quality[row] ?? 0;
  }
  gathered.length = rows.length;
  return gathered;
}
