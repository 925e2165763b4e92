/** The frozen trend of an order, whoever wrote it: times in ms and one value each. */
export interface FrozenTrend {
  signal_id: number | null;
  name: string;
  unit: string;
  time_ms: number[];
  value: (number | null)[];
  limit: number | null;
}

export interface Evidence {
  /** Sentences that say why. */
  reasons: string[];
  trends: FrozenTrend[];
  /** Everything else, as name and text. */
  facts: [name: string, text: string][];
}

/**
 * Reads the evidence of a fault or work order. It is frozen for good when the order is raised, so orders of older
 * versions have it in their own shape: what is not understood is still shown, as name and value, never hidden.
 */
export function readEvidence(raw: Record<string, unknown>): Evidence {
  const evidence: Evidence = { reasons: [], trends: [], facts: [] };
  for (const [name, value] of Object.entries(raw)) {
    if (name === 'reasons' && Array.isArray(value)) evidence.reasons.push(...value.map((one) => String(one)));
    else if (name === 'trend' || name === 'trends') {
      const found = (Array.isArray(value) ? value : [value]).map(readTrend).filter((trend) => trend !== null);
      if (found.length > 0) evidence.trends.push(...found);
    } else if (value !== null && value !== '') evidence.facts.push([name, textOf(value)]);
  }
  return evidence;
}

function readTrend(raw: unknown): FrozenTrend | null {
  if (typeof raw !== 'object' || raw === null) return null;
  const trend = raw as Record<string, unknown>;
  const time_ms = numbers(trend['time_ms']);
  const value = Array.isArray(trend['value']) ? trend['value'] : trend['avg'];
  if (time_ms === null || !Array.isArray(value) || value.length !== time_ms.length || time_ms.length < 2) return null;
  return {
    signal_id: typeof trend['signal_id'] === 'number' ? trend['signal_id'] : null,
    name: textIn(trend['signal_name']) ?? textIn(trend['name']) ?? 'Trend',
    unit: textIn(trend['unit']) ?? '',
    time_ms,
    value: value.map((one) => (typeof one === 'number' ? one : null)),
    limit:
      typeof trend['limit_high'] === 'number'
        ? trend['limit_high']
        : typeof trend['limit'] === 'number'
          ? trend['limit']
          : null,
  };
}

function textIn(raw: unknown): string | null {
  return typeof raw === 'string' && raw !== '' ? raw : null;
}

function numbers(raw: unknown): number[] | null {
  return Array.isArray(raw) && raw.every((one) => typeof one === 'number') ? raw : null;
}

function textOf(value: unknown): string {
  if (typeof value === 'number') return Number.isInteger(value) ? String(value) : value.toPrecision(4);
  if (typeof value === 'string' || typeof value === 'boolean') return String(value);
  if (Array.isArray(value)) return value.map((one) => textOf(one)).join(', ');
  return Object.entries(value as Record<string, unknown>)
    .map(([name, inner]) => `${name.replaceAll('_', ' ')} ${textOf(inner ?? '—')}`)
    .join(', ');
}

/** The path of a frozen trend in a box of `width` × `height`; null values break the line. */
export function trendPath(
  trend: FrozenTrend,
  width: number,
  height: number,
): { path: string; low: number; high: number; limitY: number | null } {
  const known = trend.value.filter((value) => value !== null);
  const all = trend.limit === null ? known : [...known, trend.limit];
  const [low, high] = all.length === 0 ? [0, 1] : [Math.min(...all), Math.max(...all)];
  const margin = (high - low || 1) * 0.08;
  const y = (value: number): number => height - ((value - low + margin) / (high - low + 2 * margin || 1)) * height;
  const [from = 0, to = 1] = [trend.time_ms[0], trend.time_ms.at(-1)];
  let path = '';
  let pen = false;
  for (const [at, value] of trend.value.entries()) {
    if (value === null) {
      pen = false;
      continue;
    }
    const x = (((trend.time_ms[at] ?? 0) - from) / (to - from || 1)) * width;
    path += `${pen ? 'L' : 'M'}${x.toFixed(1)} ${y(value).toFixed(1)}`;
    pen = true;
  }
  return { path, low, high, limitY: trend.limit === null ? null : y(trend.limit) };
}
