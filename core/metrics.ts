/**
 * Counters and gauges of one process in Prometheus text form. A metric is created once at start; `inc` and `set` on it
 * are plain number operations, so that the hot path can use them.
 */
export interface Metric {
  inc(by?: number): void;
  set(value: number): void;
  get(): number;
}

interface Family {
  help: string;
  type: 'counter' | 'gauge';
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
  let family = families.get(name);
  if (family === undefined) {
    family = { help, type, values: new Map() };
    families.set(name, family);
  }
  const key = Object.entries(labels)
    .map(
      ([label, text]) => `${label}="${text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')}"`,
    )
    .join(',');
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
    for (const [labels, { value }] of family.values)
      lines.push(labels === '' ? `${name} ${value}` : `${name}{${labels}} ${value}`);
  }
  return `${lines.join('\n')}\n`;
}
