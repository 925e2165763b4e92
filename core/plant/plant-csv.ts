import { checkPlant } from './check-plant.ts';
import { readCell } from './plant-cell.ts';
import type { Plant } from './plant-document.ts';
import { PlantFileError, type FileProblem } from './plant-file-error.ts';
import type { Path } from './plant-rules.ts';
import { fieldNames, parentColumns, recordColumns, recordKinds, type RecordKind } from './plant-table.ts';
import { readTable, type TableRow } from './read-table.ts';

type Item = Record<string, unknown>;
interface Built {
  kind: RecordKind;
  row: TableRow;
  item: Item;
}

/** A plant from the text of a CSV file, or a PlantFileError that lists every problem with its row and column. */
export function readPlantCsv(text: string): Plant {
  const problems: FileProblem[] = [];
  const { rows, decimalComma, headerRow } = readTable(text, problems);
  const built = rows.flatMap((row) => buildItem(row, decimalComma, problems) ?? []);
  const { plant: written, rowOf } = assemble(built, problems);
  const checked = checkPlant(written);
  for (const { path, accepted } of checked.problems ?? []) {
    problems.push({ ...locate(written, path, rowOf, headerRow), accepted });
  }
  if (checked.plant === undefined || problems.length > 0) throw new PlantFileError(problems);
  return checked.plant;
}

/** One row as an object with the field names of the plant document; empty cells are left out, so that defaults apply. */
function buildItem(row: TableRow, decimalComma: boolean, problems: FileProblem[]): Built | undefined {
  const kind = recordKinds.find((each) => each === row.cells.get('record')?.toLowerCase());
  if (kind === undefined) {
    const value = row.cells.get('record');
    problems.push({ row: row.number, column: 'record', value, accepted: `one of ${recordKinds.join(', ')}` });
    return undefined;
  }
  const known: readonly string[] = recordColumns[kind];
  const item: Item = {};
  for (const [column, cell] of row.cells) {
    if (column === 'record' || cell === '') continue;
    if (!known.includes(column)) {
      const accepted = `nothing, since a row "${kind}" uses only ${known.join(', ')}`;
      problems.push({ row: row.number, column, value: cell, accepted });
    } else if (!parentColumns[kind].includes(column)) {
      item[fieldNames[kind][column] ?? column] = readCell(column, cell, decimalComma);
    }
  }
  return { kind, row, item };
}

/** Hangs every row under its parent; the order of the rows does not matter. */
function assemble(built: Built[], problems: FileProblem[]): { plant: Item; rowOf: Map<unknown, Built> } {
  const plant: Item = { products: [], sites: [], employees: [] };
  const rowOf = new Map<unknown, Built>();
  const byName = new Map<string, Item>();
  const keyOf = (row: TableRow, columns: readonly string[]): string =>
    columns.map((column) => `${column}=${row.cells.get(column)}`).join('\n');

  for (const each of built) {
    rowOf.set(each.item, each);
    if (each.kind === 'site' || each.kind === 'line' || each.kind === 'machine' || each.kind === 'signal') {
      const key = keyOf(each.row, [...parentColumns[each.kind], each.kind]);
      if (!byName.has(key)) byName.set(key, each.item);
    }
  }
  for (const each of built) {
    const { kind, row, item } = each;
    if (kind === 'enterprise') {
      if (plant['enterprise'] !== undefined) {
        problems.push({ row: row.number, column: 'record', value: kind, accepted: 'one row "enterprise" only' });
      }
      plant['enterprise'] = item['enterprise'];
      rowOf.set(plant, each);
      continue;
    }
    const parents = parentColumns[kind];
    const parent = parents.length === 0 ? plant : byName.get(keyOf(row, parents));
    if (parent === undefined) {
      problems.push(missingParent(row, parents, (columns) => byName.has(keyOf(row, columns))));
    } else if (kind === 'source') {
      append(parent, 'sources', item);
    } else {
      if (kind === 'signal') moveSource(item, each, rowOf);
      append(parent, `${kind}s`, item);
    }
  }
  return { plant, rowOf };
}

/** The first column on the way down whose name no row has introduced. */
function missingParent(
  row: TableRow,
  parents: readonly string[],
  exists: (columns: readonly string[]) => boolean,
): FileProblem {
  const depth = parents.findIndex((_, index) => !exists(parents.slice(0, index + 1)));
  const column = parents[depth] ?? 'record';
  const above = parents.slice(0, depth).map((name) => row.cells.get(name));
  const where = above.length === 0 ? 'a row of its own' : `a row of its own in ${above.join('/')}`;
  return {
    row: row.number,
    column,
    value: row.cells.get(column),
    accepted: `the name of a ${column} that has ${where}`,
  };
}

/** A signal's row may carry its first source in the same line, which is all that most signals need. */
function moveSource(signal: Item, built: Built, rowOf: Map<unknown, Built>): void {
  const { protocol, server, address } = signal;
  for (const name of ['protocol', 'server', 'address']) delete signal[name];
  if (protocol === undefined && server === undefined && address === undefined) return;
  const source: Item = {};
  if (protocol !== undefined) source['protocol'] = protocol;
  if (server !== undefined) source['server'] = server;
  if (address !== undefined) source['address'] = address;
  rowOf.set(source, built);
  // Sources of their own rows may have come first; the one in the signal's row leads.
  signal['sources'] = [source, ...((signal['sources'] as Item[] | undefined) ?? [])];
}

function append(parent: Item, list: string, item: Item): void {
  const existing = parent[list];
  if (Array.isArray(existing)) existing.push(item);
  else parent[list] = [item];
}

/** The row and column of what stands at `path`: the deepest thing on the way that came from a row. */
function locate(plant: Item, path: Path, rowOf: Map<unknown, Built>, headerRow: number): Omit<FileProblem, 'accepted'> {
  let found = rowOf.get(plant);
  let field = path[0];
  let value: unknown = plant;
  for (const [index, step] of path.entries()) {
    value = typeof value === 'object' && value !== null ? (value as Record<string | number, unknown>)[step] : undefined;
    const built = rowOf.get(value);
    if (built !== undefined) {
      found = built;
      field = path[index + 1];
    }
  }
  if (found === undefined || (path.length === 1 && field !== 'enterprise')) {
    return { row: headerRow, column: String(field), value: undefined };
  }
  const { kind, row } = found;
  const column = Object.entries(fieldNames[kind]).find(([, name]) => name === field)?.[0] ?? String(field ?? kind);
  return { row: row.number, column, value: row.cells.get(column) };
}
