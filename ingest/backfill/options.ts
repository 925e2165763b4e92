import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { parse } from 'csv-parse/sync';
import { SettingsError } from '../../core/settings.ts';
import type { ColumnOptions } from './column-map.ts';

export interface BackfillOptions {
  files: string[];
  columns: ColumnOptions;
  zone: string | undefined;
  delimiter: string | undefined;
  /** Read and judge everything, write nothing. */
  check: boolean;
  /** Load files again that were loaded before. */
  again: boolean;
  /** Throw away what an earlier, interrupted run of other files has staged. */
  abandon: boolean;
  /** Readings a second at most; undefined: as fast as it goes. */
  rows_per_second: number | undefined;
  /** Readings that are sorted and sent at once. */
  batch_rows: number;
}

export const usage = `Loads months of history from files (docs in ingest/backfill/README.md):

  npm run backfill -- FILE.csv FILE.parquet …

  --machine SITE/LINE/MACHINE   what the columns' (or the signal column's) bare names belong to
  --columns "COLUMN=SIGNAL,…"   columns that are named otherwise than their signals
  --map FILE.csv                the same from a file with the columns: column,signal
  --ignore "COLUMN,…"           columns that are no signals
  --time NAME  --signal NAME  --value NAME  --quality NAME
                                which columns are these, where their names do not say it
  --zone ZONE                   IANA zone of times that do not say theirs (default UTC)
  --delimiter C                 default: guessed from the header
  --rate ROWS                   at most so many readings a second
  --batch ROWS                  readings sorted and sent at once (default 4000000; 60 bytes of memory each)
  --check                       read and judge everything, write nothing
  --again                       load files that were loaded before once more (what is there already is left alone)
  --abandon                     throw away what an interrupted run of other files has not merged yet

An interrupted run goes on where it stopped when the same command is given again.
`;

/** Reads the command line. Throws a SettingsError that says what is wrong with it; undefined means that help was asked for. */
export function readOptions(parameters: string[]): BackfillOptions | undefined {
  const text = { type: 'string' } as const;
  const flag = { type: 'boolean' } as const;
  let parsed;
  try {
    parsed = parseArgs({
      args: parameters,
      allowPositionals: true,
      options: {
        machine: text,
        columns: text,
        map: text,
        ignore: text,
        time: text,
        signal: text,
        value: text,
        quality: text,
        zone: text,
        delimiter: text,
        rate: text,
        batch: text,
        check: flag,
        again: flag,
        abandon: flag,
        help: { type: 'boolean', short: 'h' },
      },
    });
  } catch (error) {
    throw new SettingsError(`${(error as Error).message}\n\n${usage}`, { cause: error });
  }
  const { values, positionals } = parsed;
  if (values.help === true) return undefined;
  if (positionals.length === 0) throw new SettingsError(`No file was named.\n\n${usage}`);
  return {
    files: positionals,
    columns: {
      time: values.time,
      signal: values.signal,
      value: values.value,
      quality: values.quality,
      machine: values.machine?.replace(/\/+$/, ''),
      names: new Map([...readPairs(values.columns), ...readMapFile(values.map)]),
      ignore: new Set(readList(values.ignore)),
    },
    zone: readZone(values.zone),
    delimiter: readDelimiter(values.delimiter),
    check: values.check ?? false,
    again: values.again ?? false,
    abandon: values.abandon ?? false,
    rows_per_second: values.rate === undefined ? undefined : readWhole('--rate', values.rate, 1000, 1e9),
    batch_rows: values.batch === undefined ? 4_000_000 : readWhole('--batch', values.batch, 1000, 20_000_000),
  };
}

function readList(text: string | undefined): string[] {
  return (text ?? '')
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '');
}

function readPairs(text: string | undefined): [string, string][] {
  return readList(text).map((pair) => {
    const at = pair.lastIndexOf('=');
    if (at <= 0 || at === pair.length - 1)
      throw new SettingsError(`--columns has "${pair}"; accepted is COLUMN=SIGNAL.`);
    return [pair.slice(0, at).trim(), pair.slice(at + 1).trim()];
  });
}

function readMapFile(file: string | undefined): [string, string][] {
  if (file === undefined) return [];
  let rows: Record<string, string>[];
  try {
    rows = parse(readFileSync(file), { columns: true, trim: true, skip_empty_lines: true, bom: true });
  } catch (error) {
    throw new SettingsError(`--map ${file} cannot be read: ${(error as Error).message}.`, { cause: error });
  }
  return rows.map(({ column, signal }, index) => {
    if (column === undefined || signal === undefined || column === '' || signal === '') {
      throw new SettingsError(`--map ${file}, row ${index + 2}: column and signal must both be there.`);
    }
    return [column, signal];
  });
}

function readZone(zone: string | undefined): string | undefined {
  if (zone === undefined) return undefined;
  try {
    new Intl.DateTimeFormat('en', { timeZone: zone });
    return zone;
  } catch (cause) {
    throw new SettingsError(`--zone is "${zone}"; accepted is an IANA time zone such as Europe/Berlin.`, { cause });
  }
}

function readDelimiter(text: string | undefined): string | undefined {
  const delimiter = text === '\\t' || text === 'tab' ? '\t' : text;
  if (delimiter !== undefined && (delimiter.length !== 1 || delimiter.charCodeAt(0) > 127)) {
    throw new SettingsError(`--delimiter is "${text}"; accepted is one character, or tab.`);
  }
  return delimiter;
}

function readWhole(name: string, text: string, least: number, most: number): number {
  const number = Number(text.replaceAll(/[_,]/g, ''));
  if (!Number.isInteger(number) || number < least || number > most) {
    throw new SettingsError(`${name} is "${text}"; accepted is a whole number from ${least} to ${most}.`);
  }
  return number;
}
