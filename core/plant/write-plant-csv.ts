import { writeWeekdays } from './plant-cell.ts';
import type { Plant, PlantLine, PlantSite } from './plant-document.ts';
import { tableColumns, type RecordKind } from './plant-table.ts';

type Cells = Partial<Record<string, string | number | boolean | null>>;

/**
 * A plant as CSV (CRLF, UTF-8 with a byte order mark so that Excel sees it) that `readPlantCsv` reads back equal. With a
 * semicolon, numbers have decimal commas, as spreadsheets of those countries expect.
 */
export function writePlantCsv(plant: Plant, delimiter: ',' | ';' = ','): string {
  const rows: string[] = [tableColumns.join(delimiter)];
  const add = (record: RecordKind, cells: Cells): void => {
    const text = (column: string): string => (column === 'record' ? record : quote(cells[column], delimiter));
    rows.push(tableColumns.map(text).join(delimiter));
  };
  add('enterprise', { enterprise: plant.enterprise });
  for (const product of plant.products) add('product', { product: product.code, title: product.title });
  for (const site of plant.sites) {
    add('site', { site: site.name, title: site.title, time_zone: site.time_zone });
    for (const { name, weekdays, start, end, breaks } of site.shifts) {
      const pauses = breaks.map((each) => `${each.start}-${each.end}`).join(' ');
      add('shift', { site: site.name, shift: name, weekdays: writeWeekdays(weekdays), start, end, breaks: pauses });
    }
    for (const line of site.lines) writeLine(site, line, add);
  }
  for (const { email, name, role, site } of plant.employees) add('employee', { email, title: name, role, site });
  return `\uFEFF${rows.join('\r\n')}\r\n`;
}

function writeLine(site: PlantSite, line: PlantLine, add: (record: RecordKind, cells: Cells) => void): void {
  const at = { site: site.name, line: line.name };
  add('line', { ...at, title: line.title });
  for (const { product, seconds } of line.ideal_cycles)
    add('ideal_cycle', { ...at, product, ideal_cycle_seconds: seconds });
  for (const { name, signals, constraint, ...machine } of line.machines) {
    add('machine', { ...at, machine: name, ...machine, constraint: constraint ? 'yes' : '' });
    for (const { name: signal, sources, ...fields } of signals) {
      const [first, ...others] = sources;
      add('signal', { ...at, machine: name, signal, ...fields, ...first });
      for (const source of others) add('source', { ...at, machine: name, signal, ...source });
    }
  }
}

function quote(cell: string | number | boolean | null | undefined, delimiter: ',' | ';'): string {
  if (typeof cell === 'number') return delimiter === ';' ? String(cell).replace('.', ',') : String(cell);
  const text = String(cell ?? '');
  return /[",;\r\n]|^\s|\s$/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
