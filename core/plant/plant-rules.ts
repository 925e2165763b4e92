import { groupName } from './plant-document.ts';
import { findShiftOverlaps } from './shift-overlaps.ts';
import { acceptedAddress } from './source-address.ts';

export type Path = (string | number)[];
/** Something wrong in a plant: where, and what would be accepted there. */
export interface PlantProblem {
  path: Path;
  accepted: string;
}
const everyDay = [1, 2, 3, 4, 5, 6, 7];
type Report = (path: Path, accepted: string) => void;
/** Whose address is whose: the first signal that names it. */
interface Addresses {
  enterprise: string | undefined;
  owners: Map<string, string>;
}

/**
 * Everything that no single field can know: names given twice, unknown references, limits out of order, shared
 * addresses. Takes the plant as it was written, unchecked, so that these are reported together with wrong fields;
 * a field of the wrong type is passed over here, because the field's own check names it.
 */
export function findPlantProblems(plant: unknown): PlantProblem[] {
  const problems: PlantProblem[] = [];
  const report: Report = (path, accepted) => void problems.push({ path, accepted });
  const products = new Set(texts(list(plant, 'products'), 'code'));
  const sites = new Set(texts(list(plant, 'sites'), 'name'));
  const addresses: Addresses = { enterprise: groupName.safeParse(field(plant, 'enterprise')).data, owners: new Map() };

  findRepeats(list(plant, 'products'), ['products'], 'code', 'a product code used once', report);
  findRepeats(list(plant, 'sites'), ['sites'], 'name', 'a site name used once', report);
  findRepeats(list(plant, 'employees'), ['employees'], 'email', 'an e-mail address used once', report);
  for (const [index, employee] of list(plant, 'employees').entries()) {
    const site = text(employee, 'site');
    if (site !== undefined && !sites.has(site))
      report(['employees', index, 'site'], 'the name of a site of this plant');
  }
  for (const [index, site] of list(plant, 'sites').entries()) {
    const path = ['sites', index];
    findShiftProblems(site, path, report);
    findRepeats(list(site, 'lines'), [...path, 'lines'], 'name', 'a line name used once in its site', report);
    for (const [lineIndex, line] of list(site, 'lines').entries()) {
      const where = `${text(site, 'name')}/${text(line, 'name')}`;
      findLineProblems(line, [...path, 'lines', lineIndex], products, addresses, where, report);
    }
  }
  return problems;
}

function findShiftProblems(site: unknown, path: Path, report: Report): void {
  findRepeats(list(site, 'shifts'), [...path, 'shifts'], 'name', 'a shift name used once in its site', report);
  findOverlappingShifts(list(site, 'shifts'), [...path, 'shifts'], report);
  for (const [index, shift] of list(site, 'shifts').entries()) {
    const start = minutes(shift, 'start');
    const end = minutes(shift, 'end');
    if (start === undefined || end === undefined) continue;
    const length = (end - start + 1440) % 1440 || 1440;
    for (const [breakIndex, pause] of list(shift, 'breaks').entries()) {
      const from = minutes(pause, 'start');
      const to = minutes(pause, 'end');
      if (from === undefined || to === undefined) continue;
      // Counted from the start of the shift, so that a night shift's breaks after midnight come out right.
      const begins = (from - start + 1440) % 1440;
      const ends = (to - start + 1440) % 1440 || 1440;
      if (begins >= ends || ends > length) {
        const accepted = `a break within the shift, ${text(shift, 'start')} to ${text(shift, 'end')}`;
        report([...path, 'shifts', index, 'breaks', breakIndex], accepted);
      }
    }
  }
}

function findOverlappingShifts(shifts: unknown[], path: Path, report: Report): void {
  const timed = shifts.flatMap((shift, index) => {
    const start = minutes(shift, 'start');
    const end = minutes(shift, 'end');
    if (start === undefined || end === undefined) return [];
    const weekdays = field(shift, 'weekdays') === undefined ? everyDay : list(shift, 'weekdays').map(Number);
    return [{ index, name: text(shift, 'name') ?? '', weekdays, start, end }];
  });
  for (const [earlier, later] of findShiftOverlaps(timed)) {
    const { index = 0, name } = timed[later] ?? {};
    const other = shifts[timed[earlier]?.index ?? 0];
    const times = `${text(other, 'start')} to ${text(other, 'end')}`;
    report([...path, index, 'start'], `a time of ${name} in which ${text(other, 'name')} is not worked (${times})`);
  }
}

function findLineProblems(
  line: unknown,
  path: Path,
  products: Set<string>,
  addresses: Addresses,
  where: string,
  report: Report,
): void {
  const cycles = list(line, 'ideal_cycles');
  findRepeats(cycles, [...path, 'ideal_cycles'], 'product', 'one ideal cycle for each product of a line', report);
  for (const [index, cycle] of cycles.entries()) {
    const product = text(cycle, 'product');
    if (product !== undefined && !products.has(product)) {
      report([...path, 'ideal_cycles', index, 'product'], 'the code of a product of this plant');
    }
  }
  const machines = list(line, 'machines');
  findRepeats(machines, [...path, 'machines'], 'name', 'a machine name used once in its line', report);
  const constraints = machines.flatMap((machine, index) => (field(machine, 'constraint') === true ? [index] : []));
  for (const index of constraints.slice(1)) {
    report([...path, 'machines', index, 'constraint'], 'one constraint machine a line at most');
  }
  for (const [index, machine] of machines.entries()) {
    findMachineProblems(machine, [...path, 'machines', index], addresses, `${where}/${text(machine, 'name')}`, report);
  }
}

function findMachineProblems(machine: unknown, path: Path, addresses: Addresses, where: string, report: Report): void {
  const signals = list(machine, 'signals');
  findRepeats(signals, [...path, 'signals'], 'name', 'a signal name used once in its machine', report);
  for (const [index, signal] of signals.entries()) {
    const signalPath = [...path, 'signals', index];
    problemsOfSignal(signal, signalPath, report);
    for (const [sourceIndex, source] of list(signal, 'sources').entries()) {
      const address = text(source, 'address');
      if (address === undefined) continue;
      const protocol = text(source, 'protocol') ?? '';
      const wanted = acceptedAddress(protocol, address, addresses.enterprise);
      if (wanted !== undefined) report([...signalPath, 'sources', sourceIndex, 'address'], wanted);
      const key = `${protocol} ${text(source, 'server') ?? ''} ${address}`;
      const owner = addresses.owners.get(key);
      if (owner !== undefined) {
        const accepted = `an address of one signal only (${owner} has it already)`;
        report([...signalPath, 'sources', sourceIndex, 'address'], accepted);
      }
      addresses.owners.set(key, owner ?? `${where}/${text(signal, 'name')}`);
    }
  }
}

/** What the fields of one signal say against each other, for whoever makes a single signal. Paths begin at the signal. */
export function findSignalProblems(signal: unknown): PlantProblem[] {
  const problems: PlantProblem[] = [];
  problemsOfSignal(signal, [], (path, accepted) => void problems.push({ path, accepted }));
  return problems;
}

const limits = ['limit_low_low', 'limit_low', 'limit_high', 'limit_high_high'];

function problemsOfSignal(signal: unknown, path: Path, report: Report): void {
  const kind = text(signal, 'kind') ?? 'measurement';
  // Codes and names have no order, so that "above" says nothing of them.
  const isUnordered = ['state', 'fault', 'order'].includes(kind);
  let lower: { name: string; value: number } | undefined;
  for (const name of limits) {
    const value = number(signal, name);
    if (value === undefined) continue;
    if (isUnordered) report([...path, name], `nothing, since a signal of kind ${kind} has no limits`);
    else if (lower !== undefined && value <= lower.value) {
      report([...path, name], `a number above ${lower.name} (${lower.value})`);
    }
    lower = { name, value };
  }
  const rangeLow = number(signal, 'range_low');
  const rangeHigh = number(signal, 'range_high');
  if (rangeLow !== undefined && rangeHigh !== undefined && rangeHigh <= rangeLow) {
    report([...path, 'range_high'], `a number above range_low (${rangeLow})`);
  }
  for (const name of limits) {
    const value = number(signal, name);
    if (value === undefined || isUnordered) continue;
    // What the sensor cannot show never raises an alarm.
    if (rangeHigh !== undefined && value > rangeHigh)
      report([...path, name], `a number up to range_high (${rangeHigh})`);
    if (rangeLow !== undefined && value < rangeLow) report([...path, name], `a number from range_low (${rangeLow}) on`);
  }
  const isCounter = kind === 'counter';
  if (isCounter && !['good', 'reject', 'total'].includes(text(signal, 'quantity') ?? '')) {
    report([...path, 'quantity'], 'good, reject or total for a counter');
  }
  if (!isCounter && number(signal, 'counter_rollover') !== undefined) {
    report([...path, 'counter_rollover'], 'nothing, since only a counter rolls over');
  }
}

function findRepeats(items: unknown[], path: Path, name: string, accepted: string, report: Report): void {
  const seen = new Set<string>();
  for (const [index, item] of items.entries()) {
    const value = text(item, name)?.toLowerCase();
    if (value === undefined) continue;
    if (seen.has(value)) report([...path, index, name], accepted);
    seen.add(value);
  }
}

function field(of: unknown, name: string): unknown {
  return typeof of === 'object' && of !== null ? (of as Record<string, unknown>)[name] : undefined;
}

function list(of: unknown, name: string): unknown[] {
  const value = field(of, name);
  return Array.isArray(value) ? value : [];
}

function text(of: unknown, name: string): string | undefined {
  const value = field(of, name);
  return typeof value === 'string' ? value : undefined;
}

function texts(items: unknown[], name: string): string[] {
  return items.flatMap((item) => text(item, name) ?? []);
}

function number(of: unknown, name: string): number | undefined {
  const value = field(of, name);
  return typeof value === 'number' ? value : undefined;
}

/** A valid HH:MM as minutes of the day. */
function minutes(of: unknown, name: string): number | undefined {
  const match = /^(\d\d):(\d\d)$/.exec(text(of, name) ?? '');
  return match === null ? undefined : Number(match[1]) * 60 + Number(match[2]);
}
