import type { BackfillSignal, BackfillSignals } from './signals.ts';

/** How the columns of one file become readings: one signal a row (long), or one signal a column (wide). */
export type ColumnMap =
  | { form: 'long'; time: number; signal: number; value: number; quality: number | undefined; prefix: string }
  | {
      form: 'wide';
      time: number;
      columns: { index: number; name: string; signal: BackfillSignal }[];
      quality: number | undefined;
    };

export interface ColumnOptions {
  time?: string | undefined;
  signal?: string | undefined;
  value?: string | undefined;
  quality?: string | undefined;
  /** site/line/machine (or with the enterprise): what a column's or a signal's bare name belongs to. */
  machine?: string | undefined;
  /** Column name → signal name or address, where the two differ. */
  names: ReadonlyMap<string, string>;
  /** Columns that are no signals. */
  ignore: ReadonlySet<string>;
}

const timeNames = ['time', 'timestamp', 'ts', 'datetime', 'date_time', 'date'];
const signalNames = ['signal', 'address', 'topic', 'tag', 'sensor', 'signal_path', 'path'];
const valueNames = ['value', 'val', 'v'];
const qualityNames = ['quality', 'status'];

/** What is wrong with the columns of a file, one sentence each. */
export class ColumnError extends Error {
  override readonly name = 'ColumnError';
}

/**
 * Decides what each column of `header` is. A file with a signal column and a value column is long, any other is wide:
 * then every column besides the time must be a signal, by its own name, by `names`, or as a signal of `machine`.
 * Throws a ColumnError that names every column that is nothing.
 */
export function mapColumns(
  file: string,
  header: readonly string[],
  options: ColumnOptions,
  signals: BackfillSignals,
): ColumnMap {
  const names = header.map((name) => name.trim());
  const time = findColumn(file, names, 'time', options.time, timeNames);
  if (time === undefined) {
    throw new ColumnError(
      `${file}: no column is the time. Its columns are ${list(names)}; accepted are ${list(timeNames)}, or name it with --time.`,
    );
  }
  const quality = findColumn(
    file,
    names,
    'quality',
    options.quality,
    options.machine === undefined ? qualityNames : [],
  );
  const signal = findColumn(file, names, 'signal', options.signal, signalNames);
  const value = findColumn(file, names, 'value', options.value, valueNames);
  if (signal !== undefined && value !== undefined) {
    return {
      form: 'long',
      time,
      signal,
      value,
      quality,
      prefix: options.machine === undefined ? '' : `${options.machine}/`,
    };
  }
  const columns: { index: number; name: string; signal: BackfillSignal }[] = [];
  const unknown: string[] = [];
  for (const [index, name] of names.entries()) {
    if (index === time || index === quality || name === '' || options.ignore.has(name)) continue;
    const wanted = options.names.get(name) ?? name;
    const found =
      (options.machine === undefined ? undefined : signals.find(`${options.machine}/${wanted}`)) ??
      signals.find(wanted);
    if (found === undefined) unknown.push(describeUnknown(name, wanted, options.machine, signals));
    else columns.push({ index, name, signal: found });
  }
  if (unknown.length > 0) {
    throw new ColumnError(
      `${file}: ${unknown.length === 1 ? 'a column is' : `${unknown.length} columns are`} no signal of the plant:\n${unknown.join('\n')}\n` +
        'Accepted are paths (site/line/machine/signal), source addresses, or bare names with --machine site/line/machine. ' +
        'Give others a signal with --map FILE (columns: column,signal) or --columns "name=signal,…", or leave them out with --ignore "name,…".',
    );
  }
  if (columns.length === 0) throw new ColumnError(`${file}: besides the time there is no column with values.`);
  return { form: 'wide', time, columns, quality };
}

function findColumn(
  file: string,
  names: readonly string[],
  what: string,
  wanted: string | undefined,
  usual: readonly string[],
): number | undefined {
  if (wanted !== undefined) {
    const index = names.indexOf(wanted);
    if (index < 0) throw new ColumnError(`${file}: --${what} is "${wanted}", but the columns are ${list(names)}.`);
    return index;
  }
  const index = names.findIndex((name) => usual.includes(name.toLowerCase()));
  return index < 0 ? undefined : index;
}

function describeUnknown(name: string, wanted: string, machine: string | undefined, signals: BackfillSignals): string {
  const looked = machine === undefined ? wanted : `${machine}/${wanted}`;
  const like = signals.resembling(looked);
  return `  "${name}"${like === undefined ? '' : ` (did you mean ${like}?)`}`;
}

const list = (names: readonly string[]): string => names.map((name) => `"${name}"`).join(', ');
