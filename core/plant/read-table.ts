import { CsvError, parse } from 'csv-parse/sync';
import { PlantFileError, type FileProblem } from './plant-file-error.ts';
import { tableColumns } from './plant-table.ts';

export interface TableRow {
  /** Line of the file in which the row ends, counted from 1. */
  number: number;
  /** Trimmed cells by column. */
  cells: Map<string, string>;
}

export interface Table {
  rows: TableRow[];
  headerRow: number;
  /** Files with semicolons or tabs come from spreadsheets of countries that write 1,5. */
  decimalComma: boolean;
}

/**
 * The rows of a CSV file under their column names. A byte order mark, any line ends, quoted cells, the delimiters comma,
 * semicolon and tab, Excel's `sep=;` line, empty rows and rows starting with # (comments) are all fine. Unknown columns
 * go to `problems`; a file that is no CSV at all throws a PlantFileError.
 */
export function readTable(text: string, problems: FileProblem[]): Table {
  const separator = /^\uFEFF?sep=(.)\r?\n/i.exec(text);
  const body = separator === null ? text : text.slice(separator[0].length);
  const skippedLines = separator === null ? 0 : 1;
  const delimiter = separator?.[1] ?? sniffDelimiter(body);
  const [header, ...records] = parseRecords(body, delimiter).map(({ record, info }) => ({
    record: record.map((cell) => cell.trim()),
    number: info.lines + skippedLines,
  }));
  if (header === undefined || !header.record.some((name) => name.toLowerCase() === 'record')) {
    const accepted = 'a first row with the names of the columns, one of them "record"';
    throw new PlantFileError([{ row: 1, column: 'record', value: header?.record.join(delimiter), accepted }]);
  }
  const columns = header.record.map((name) => name.toLowerCase());
  for (const [index, column] of columns.entries()) {
    const value = header.record[index];
    if (column !== '' && !tableColumns.includes(column)) {
      problems.push({
        row: header.number,
        column: `column ${index + 1}`,
        value,
        accepted: `one of ${tableColumns.join(', ')}`,
      });
    } else if (column !== '' && columns.indexOf(column) < index) {
      problems.push({ row: header.number, column: `column ${index + 1}`, value, accepted: 'a column named once' });
    }
  }
  const rows = records.flatMap(({ record, number }) => {
    if (record.every((cell) => cell === '') || record[0]?.startsWith('#') === true) return [];
    const cells = new Map<string, string>();
    for (const [index, cell] of record.entries()) {
      const column = columns[index];
      if (column === undefined || column === '') {
        if (cell !== '')
          problems.push({
            row: number,
            column: `column ${index + 1}`,
            value: cell,
            accepted: 'nothing, since this column has no name',
          });
      } else if (tableColumns.includes(column) && columns.indexOf(column) === index) {
        cells.set(column, cell);
      }
    }
    return [{ number, cells }];
  });
  return { rows, headerRow: header.number, decimalComma: delimiter !== ',' };
}

/** The one of comma, semicolon and tab that the first line has most of, outside quotes. */
export function sniffDelimiter(text: string): string {
  const line = (/^[^\r\n]+/m.exec(text.replace(/^\uFEFF/, ''))?.[0] ?? '').replaceAll(/"[^"]*"/g, '');
  const counts = [',', ';', '\t'].map((delimiter) => ({ delimiter, count: line.split(delimiter).length }));
  return counts.reduce((best, each) => (each.count > best.count ? each : best)).delimiter;
}

function parseRecords(text: string, delimiter: string): { record: string[]; info: { lines: number } }[] {
  try {
    return parse(text, {
      delimiter,
      bom: true,
      info: true,
      relax_column_count: true,
      skip_empty_lines: true,
    }) as unknown as {
      record: string[];
      info: { lines: number };
    }[];
  } catch (error) {
    if (!(error instanceof CsvError)) throw error;
    const row = Number((error as { lines?: unknown }).lines ?? 1);
    throw new PlantFileError([
      { row, column: 'CSV', value: undefined, accepted: `a well-formed row (${error.message})` },
    ]);
  }
}
