/** The trend of one signal as it was frozen when the order was raised. */
export interface FrozenTrend {
  signal_id: number | null;
  signal: string;
  unit: string;
  time_ms: number[];
  value: (number | null)[];
  /** The limit that an alarm of this signal names. */
  limit: number | null;
}

export interface Symptom {
  signal: string;
  unit: string;
  value: number | null;
  expected: number | null;
  /** Away from what is usual, in spreads of the usual. */
  deviation: number;
}

export interface Evidence {
  /** Sentences that say why: of the alarms, or written by whoever raised it. */
  reasons: string[];
  /** How well each failure mode explains it, 0…1, best first. */
  modes: [mode: string, score: number][];
  symptoms: Symptom[];
  trends: FrozenTrend[];
  /** Everything else, as name and text. */
  facts: [name: string, text: string][];
}

type Raw = Record<string, unknown>;

/** A sensor this close to its usual value is no symptom. */
const leastDeviation = 2;
/** Points further apart than this many steps have a gap between them. */
const gapSteps = 3;

/**
 * Reads the evidence of a fault or work order (analytics/diagnosis). It is frozen for good when the order is raised, so
 * orders of another version may have it in another shape: what is not understood is still shown, never hidden.
 */
export function readEvidence(raw: Raw): Evidence {
  const { reasons, alarms, scores, symptoms, trend, ...rest } = raw;
  const limits = new Map(objects(alarms).map((alarm) => [alarm['signal'], numberIn(alarm['limit_value'])]));
  return {
    reasons: [...texts(reasons), ...objects(alarms).flatMap((alarm) => texts([alarm['message']]))],
    modes: isObject(scores)
      ? Object.entries(scores)
          .map(([mode, score]): [string, number] => [mode, Math.min(1, Math.max(0, numberIn(score) ?? 0))])
          .sort((a, b) => b[1] - a[1])
      : [],
    symptoms: objects(symptoms)
      .map((one) => ({
        signal: textIn(one['signal']) ?? '',
        unit: textIn(one['unit']) ?? '',
        value: numberIn(one['value']),
        expected: numberIn(one['expected_value']),
        deviation: numberIn(one['deviation']) ?? 0,
      }))
      .filter((one) => Math.abs(one.deviation) >= leastDeviation)
      .sort((a, b) => Math.abs(b.deviation) - Math.abs(a.deviation)),
    trends: joinTrends(objects(trend).flatMap((one) => readTrend(one, limits) ?? [])),
    facts: Object.entries(rest)
      .filter(([, value]) => value !== null && value !== '')
      .map(([name, value]) => [name, textOf(value)]),
  };
}

/** One trend a signal: coarse points where only they reach, and the fine ones of the last minutes after them. */
function joinTrends(trends: ReadTrend[]): FrozenTrend[] {
  const bySignal = Map.groupBy(trends, (trend) => trend.signal);
  return [...bySignal.values()].map((same) => {
    const [finest, ...coarser] = same.sort((a, b) => a.step_ms - b.step_ms) as [ReadTrend, ...ReadTrend[]];
    return coarser.reduce((joined, coarse) => {
      const until = joined.time_ms[0] ?? Number.POSITIVE_INFINITY;
      const before = coarse.time_ms.filter((time) => time < until).length;
      return {
        ...joined,
        time_ms: [...coarse.time_ms.slice(0, before), ...joined.time_ms],
        value: [...coarse.value.slice(0, before), ...joined.value],
      };
    }, finest);
  });
}

type ReadTrend = FrozenTrend & { step_ms: number };

function readTrend(trend: Raw, limits: Map<unknown, number | null>): ReadTrend | null {
  const { times, values } = trend;
  if (!Array.isArray(times) || !Array.isArray(values) || times.length !== values.length || times.length < 2)
    return null;
  if (!times.every((time) => typeof time === 'number')) return null;
  const signal = textIn(trend['signal']) ?? 'trend';
  const step_ms = 1000 * (numberIn(trend['step_seconds']) ?? (times[1] ?? 0) - (times[0] ?? 0));
  const time_ms: number[] = [];
  const value: (number | null)[] = [];
  for (const [at, seconds] of times.entries()) {
    const time = seconds * 1000;
    const before = time_ms.at(-1);
    // Points that are missing are a gap, and a gap is never bridged.
    if (before !== undefined && time - before > gapSteps * step_ms) {
      time_ms.push(before + step_ms);
      value.push(null);
    }
    time_ms.push(time);
    value.push(numberIn(values[at]));
  }
  return {
    signal_id: numberIn(trend['signal_id']),
    signal,
    unit: textIn(trend['unit']) ?? '',
    time_ms,
    value,
    limit: limits.get(signal) ?? null,
    step_ms,
  };
}

function isObject(raw: unknown): raw is Raw {
  return typeof raw === 'object' && raw !== null && !Array.isArray(raw);
}

function objects(raw: unknown): Raw[] {
  return Array.isArray(raw) ? raw.filter(isObject) : [];
}

function texts(raw: unknown): string[] {
  return Array.isArray(raw) ? raw.filter((one) => typeof one === 'string' && one !== '') : [];
}

function textIn(raw: unknown): string | null {
  return typeof raw === 'string' && raw !== '' ? raw : null;
}

function numberIn(raw: unknown): number | null {
  return typeof raw === 'number' && Number.isFinite(raw) ? raw : null;
}

function textOf(value: unknown): string {
  if (typeof value === 'number') return Number.isInteger(value) ? String(value) : String(Number(value.toPrecision(4)));
  if (typeof value === 'string' || typeof value === 'boolean') return String(value);
  if (Array.isArray(value)) return value.map((one) => textOf(one)).join(', ');
  return Object.entries((value ?? {}) as Raw)
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
  const [least, most] = known.length === 0 ? [0, 1] : [Math.min(...known), Math.max(...known)];
  const [low, high] =
    trend.limit === null ? [least, most] : [Math.min(least, trend.limit), Math.max(most, trend.limit)];
  const margin = (high - low || 1) * 0.08;
  const y = (value: number): number => height - ((value - low + margin) / (high - low + 2 * margin)) * height;
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
  return { path, low: least, high: most, limitY: trend.limit === null ? null : y(trend.limit) };
}
