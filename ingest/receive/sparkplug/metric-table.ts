import type { RegisteredSignal, SignalRegistry } from '../../resolve/signal-registry.ts';

/**
 * What the births of one edge node announced: for every metric its address, datatype and device, found by alias or by
 * name. Only aliases and no names come with DATA, so this table is what makes them readable.
 */
export interface MetricTable {
  /** `group/edge/device/metric`; the device is empty for metrics of the node itself. Empty for what is no reading. */
  address: string[];
  datatype: number[];
  device: string[];
  /** Time of the newest live value, in µs; -Infinity before the first. A death stands behind it. */
  lastTimeUs: number[];
  /** The signal of each metric, as of `registryVersion`. */
  signal: (RegisteredSignal | undefined)[];
  registryVersion: number;
  /** Index by name, per device ('' for the node itself). */
  byName: Map<string, Map<string, number>>;
  /** Index by alias: small aliases directly (-1 is none), the others by a map. */
  byAlias: Int32Array;
  byLargeAlias: Map<number, number>;
}

export function createMetricTable(): MetricTable {
  return {
    address: [],
    datatype: [],
    device: [],
    lastTimeUs: [],
    signal: [],
    registryVersion: -1,
    byName: new Map(),
    byAlias: new Int32Array(0),
    byLargeAlias: new Map(),
  };
}

/** The index of an alias, or -1. */
export function findAlias(table: MetricTable, alias: number): number {
  const { byAlias } = table;
  return alias < byAlias.length ? (byAlias[alias] as number) : (table.byLargeAlias.get(alias) ?? -1);
}

/** The index of a metric by its name, or -1. */
export function findName(table: MetricTable, device: string, name: string): number {
  return table.byName.get(device)?.get(name) ?? -1;
}

/** Announces one metric of a birth; a metric that was announced before keeps its index. Answers the index. */
export function announceMetric(
  table: MetricTable,
  device: string,
  name: string,
  address: string,
  datatype: number,
  alias: number,
): number {
  let names = table.byName.get(device);
  if (names === undefined) {
    names = new Map();
    table.byName.set(device, names);
  }
  let index = names.get(name);
  if (index === undefined) {
    index = table.address.length;
    table.address.push(address);
    table.datatype.push(datatype);
    table.device.push(device);
    table.lastTimeUs.push(Number.NEGATIVE_INFINITY);
    table.signal.push(undefined);
    names.set(name, index);
    table.registryVersion = -1;
  } else table.datatype[index] = datatype;
  if (!Number.isNaN(alias)) setAlias(table, alias, index);
  return index;
}

/** Looks the signals up anew when the plant, or the table, has changed. */
export function bindSignals(table: MetricTable, registry: SignalRegistry): void {
  if (table.registryVersion === registry.version) return;
  for (let index = 0; index < table.address.length; index++) {
    table.signal[index] = registry.find('sparkplug', table.address[index] as string);
  }
  table.registryVersion = registry.version;
}

/** Direct look-up for aliases up to 16 times the number of metrics, so that one huge alias does not cost its size. */
function setAlias(table: MetricTable, alias: number, index: number): void {
  // Beyond 2^53 two aliases could look the same; such an alias stays unknown rather than name the wrong metric.
  if (!Number.isSafeInteger(alias)) return;
  if (alias >= table.byAlias.length && alias >= 16 * (table.address.length + 64)) {
    table.byLargeAlias.set(alias, index);
    return;
  }
  // An alias beyond the direct ones that now has room there must not be found at both places.
  table.byLargeAlias.delete(alias);
  if (alias >= table.byAlias.length) {
    const grown = new Int32Array(Math.max(64, 2 ** Math.ceil(Math.log2(alias + 1)))).fill(-1);
    grown.set(table.byAlias);
    for (const [large, at] of table.byLargeAlias) {
      if (large >= grown.length) continue;
      grown[large] = at;
      table.byLargeAlias.delete(large);
    }
    table.byAlias = grown;
  }
  table.byAlias[alias] = index;
}
