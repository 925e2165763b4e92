/**
 * Counters, gauges and histograms of one process in Prometheus text form. A metric is created once at start; `inc` and `set` on it
 * are plain number operations, so that the hot path can use them.
 */
export interface Metric {
  inc(by?: number): void;
  set(value: number): void;
  get(): number;
}

type MetricType = 'counter' | 'gauge' | 'histogram';

interface Family {
  help: string;
  type: MetricType;
  /** By name and labels, as they stand in the text. */
  values: Map<string, { value: number }>;
}

const families = new Map<string, Family>();

/** A counter or gauge; the same name and labels answer the same metric. Names end in their unit: `_total`, `_seconds`, `_bytes`. */
export function metric(
  type: 'counter' | 'gauge',
  name: string,
  help: string,
  labels: Record<string, string> = {},
): Metric {
  return metricOf(familyOf(type, name, help), name, labels);
}

/** A histogram: `observe` counts a value in every bucket whose bound it does not exceed. The last bucket takes all. */
export function histogram(
  name: string,
  help: string,
  bounds: readonly number[],
  labels: Record<string, string> = {},
): { observe(value: number): void } {
  const family = familyOf('histogram', name, help);
  const buckets = [...bounds, Number.POSITIVE_INFINITY].map((bound) => {
    const le = bound === Number.POSITIVE_INFINITY ? '+Inf' : String(bound);
    return { bound, count: metricOf(family, `${name}_bucket`, { ...labels, le }) };
  });
  const sum = metricOf(family, `${name}_sum`, labels);
  const count = metricOf(family, `${name}_count`, labels);
  return {
    observe(value) {
      for (const bucket of buckets) if (value <= bucket.bound) bucket.count.inc();
      sum.inc(value);
      count.inc();
    },
  };
}

function familyOf(type: MetricType, name: string, help: string): Family {
  const family = families.get(name) ?? { help, type, values: new Map() };
  families.set(name, family);
  return family;
}

function metricOf(family: Family, name: string, labels: Record<string, string>): Metric {
  const text = Object.entries(labels)
    .map(
      ([label, value]) => `${label}="${value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')}"`,
    )
    .join(',');
  const key = text === '' ? name : `${name}{${text}}`;
  const cell = family.values.get(key) ?? { value: 0 };
  family.values.set(key, cell);
  return {
    inc: (by = 1) => {
      cell.value += by;
    },
    set: (value) => {
      cell.value = value;
    },
    get: () => cell.value,
  };
}

/** All metrics of this process in the Prometheus text exposition format 0.0.4, process memory and CPU included. */
export function exposeMetrics(): string {
  const usage = process.cpuUsage();
  metric('gauge', 'process_resident_memory_bytes', 'Resident memory of this process.').set(process.memoryUsage.rss());
  metric('counter', 'process_cpu_seconds_total', 'CPU time of this process.').set((usage.user + usage.system) / 1e6);
  const lines: string[] = [];
  for (const [name, family] of families) {
    lines.push(`# HELP ${name} ${family.help}`, `# TYPE ${name} ${family.type}`);
    for (const [key, { value }] of family.values) lines.push(`${key} ${value}`);
  }
  return `${lines.join('\n')}\n`;
}
