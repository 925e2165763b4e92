import { createReadStream, openSync, readSync, closeSync } from 'node:fs';
import { basename } from 'node:path';
import { parse } from 'csv-parse';
import { parse as parseText } from 'csv-parse/sync';
import { SettingsError } from '../../core/settings.ts';
import { sniffDelimiter } from '../../core/plant/read-table.ts';
import { jsonValue, signalName } from './row-value.ts';
import { createTimeReader, type RowTime } from './row-time.ts';

/** Where a value of a file is wrong. */
export interface BadCell {
  file: string;
  line: number;
  column: string;
  value: string;
  accepted: string;
}

export interface Row {
  time: RowTime;
  /** JSON texts by signal name, in the order of the columns; empty cells are not there. */
  values: [name: string, json: string][];
  /** Bytes of the file up to the end of this row. */
  bytes: number;
}

export interface ReadOptions {
  delimiter?: string | undefined;
  timeColumn?: string | undefined;
  /** Only these columns; all others than the time's when undefined. */
  columns?: readonly string[] | undefined;
  zone: string;
  shiftSeconds: number;
  onBad: (cell: BadCell) => void;
}

const csvRules = { bom: true, relax_column_count: true, skip_empty_lines: true, trim: true } as const;

const timeNames = ['datetime', 'timestamp', 'time', 'date_time', 'date time', 'date', 'ts', 'zeit', 'zeitstempel'];

/** What a file says about itself before its first row is sent. */
export interface Form {
  delimiter: string;
  header: string[];
  timeColumn: number;
  /** Signal name of each column; undefined for the time's and unwanted ones. */
  signals: (string | undefined)[];
}

/** Reads the first lines of a file and finds out its delimiter, time column and signals. Throws a SettingsError saying what it misses. */
export function readForm(
  file: string,
  options: Pick<ReadOptions, 'delimiter' | 'timeColumn' | 'columns' | 'zone'>,
): Form {
  const name = basename(file);
  const head = readHead(file).replace(/^\uFEFF/, '');
  const delimiter = options.delimiter ?? sniffDelimiter(head);
  if (delimiter === '') throw new SettingsError('--delimiter is ""; accepted is what separates the columns.');
  // By the same rules as the rows: a quoted name may hold the delimiter.
  const [header = [], second = []] = parseText(head, { ...csvRules, delimiter, to: 2 });
  const readTime = createTimeReader(options.zone);
  const wanted = options.timeColumn?.toLowerCase();
  const lower = header.map((column) => column.toLowerCase());
  let timeColumn =
    wanted === undefined ? lower.findIndex((column) => timeNames.includes(column)) : lower.indexOf(wanted);
  if (timeColumn < 0 && wanted === undefined) timeColumn = second.findIndex((cell) => readTime(cell) !== undefined);
  if (timeColumn < 0) {
    throw new SettingsError(
      `${name} has no column of times${wanted === undefined ? '' : ` named "${options.timeColumn}"`}; its columns are ${header.join(', ')}. Name it with --time-column.${header.length > 1 ? '' : ` "${delimiter}" separates nothing there; say with --delimiter what does.`}`,
    );
  }
  const columns = options.columns?.map((column) => column.toLowerCase());
  const unknown = columns?.find((column) => !lower.includes(column));
  if (unknown !== undefined)
    throw new SettingsError(`${name} has no column "${unknown}"; its columns are ${header.join(', ')}.`);
  const signals = header.map((column, index) =>
    index === timeColumn || column === '' || columns?.includes(column.toLowerCase()) === false
      ? undefined
      : signalName(column),
  );
  const repeated = signals.find((signal, index) => signal !== undefined && signals.indexOf(signal) < index);
  if (repeated !== undefined)
    throw new SettingsError(`${name} has two columns that would both be the signal "${repeated}".`);
  return { delimiter, header, timeColumn, signals };
}

/** The rows of a file, one after the other as it is read; what cannot be sent goes to `onBad`, by line, column and value. */
export async function* readRows(
  file: string,
  form: Form,
  { zone, shiftSeconds, onBad }: ReadOptions,
): AsyncGenerator<Row> {
  const name = basename(file);
  const readTime = createTimeReader(zone);
  const { delimiter, header, timeColumn, signals } = form;
  const parser = createReadStream(file).pipe(parse({ ...csvRules, delimiter, info: true, from: 2 }));
  for await (const { record, info } of parser as AsyncIterable<{
    record: string[];
    info: { lines: number; bytes: number };
  }>) {
    const bad = (index: number, accepted: string): void =>
      onBad({
        file: name,
        line: info.lines,
        column: header[index] ?? `column ${index + 1}`,
        value: record[index] ?? '',
        accepted,
      });
    const time = readTime(record[timeColumn] ?? '', shiftSeconds);
    if (time === undefined) {
      bad(timeColumn, 'a time such as 2020-03-09 10:14:33');
      continue;
    }
    const values: Row['values'] = [];
    for (const [index, signal] of signals.entries()) {
      if (signal === undefined) continue;
      const json = jsonValue(record[index] ?? '', delimiter !== ',');
      if (json === undefined) bad(index, 'a number, true, false or nothing');
      else if (json !== null) values.push([signal, json]);
    }
    if (record.length > header.length) bad(header.length, `${header.length} columns as in the first line`);
    yield { time, values, bytes: info.bytes };
  }
}

function readHead(file: string): string {
  const buffer = Buffer.alloc(65_536);
  const descriptor = openSync(file, 'r');
  try {
    return buffer.toString('utf8', 0, readSync(descriptor, buffer, 0, buffer.length, 0));
  } finally {
    closeSync(descriptor);
  }
}
