import { formatUnit, formatValue } from '../format/numbers.ts';

/** The trend of one signal as it was frozen when the order was raised. */
export interface FrozenTrend {
  signal: string;
  unit: string;
  time_ms: number[];
  value: (number | null)[];
  /** What the signal usually is; null while its model was learning, and in older evidence. */
  expected: number | null;
  limits: Limit[];
}

interface Limit {
  /** "high", "lowest" …, or "" where older evidence does not say which. */
  name: string;
  value: number;
}

/** A signal that was not as usual, in words. */
export interface Symptom {
  signal: string;
  sentence: string;
  since_ms: number | null;
  /** Away from what is usual, in spreads of the usual, with its sign; null when nobody knew what is usual. */
  deviation: number | null;
}

export interface Evidence {
  /** Sentences that say why: the summary, or whatever whoever raised it wrote. */
  reasons: string[];
  /** The alarms that were active then. */
  alarms: { message: string; raised_ms: number | null }[];
  /** How well each failure mode explains it, 0…1, best first. */
  modes: [mode: string, score: number][];
  symptoms: Symptom[];
  trends: FrozenTrend[];
  started_ms: number | null;
  /** How sure the diagnosis was, 0…1. */
  confidence: number | null;
  /** Everything else, as name and text. */
  facts: [name: string, text: string][];
}

type Raw = Record<string, unknown>;

/** A sensor this close to its usual value is no symptom; older evidence lists every sensor. */
const leastDeviation = 2;
/** Points further apart than this many steps have a gap between them. */
const gapSteps = 3;
const limitNames = [
  ['limit_low_low', 'lowest'],
  ['limit_low', 'low'],
  ['limit_high', 'high'],
  ['limit_high_high', 'highest'],
] as const;

/**
 * Reads the evidence of a fault or work order (analytics/README.md). It is frozen for good when the order is raised, so
 * orders of another version may have it in another shape: what is not understood is still shown, never hidden.
 */
export function readEvidence(raw: Raw): Evidence {
  const { summary, reasons, alarms, scores, symptoms, trend, fault_started_at, confidence, ...rest } = raw;
  const named = new Map(objects(alarms).map((alarm) => [alarm['signal'], numberIn(alarm['limit_value'])]));
  return {
    reasons: [...texts([summary]), ...texts(reasons)],
    alarms: objects(alarms).flatMap((alarm) =>
      texts([alarm['message']]).map((message) => ({ message, raised_ms: momentIn(alarm['raised_at']) })),
    ),
    modes: isObject(scores)
      ? Object.entries(scores)
          .map(([mode, score]): [string, number] => [mode, Math.min(1, Math.max(0, numberIn(score) ?? 0))])
          .sort((a, b) => b[1] - a[1])
      : [],
    symptoms: objects(symptoms)
      .map((one) => readSymptom(one))
      .filter((one) => Math.abs(one.deviation ?? leastDeviation) >= leastDeviation)
      .sort((a, b) => Math.abs(b.deviation ?? 0) - Math.abs(a.deviation ?? 0)),
    trends: joinTrends(objects(trend).flatMap((one) => readTrend(one, named) ?? [])),
    started_ms: momentIn(fault_started_at),
    confidence: numberIn(confidence),
    facts: Object.entries(rest)
      .filter(([, value]) => value !== null && value !== '')
      .map(([name, value]) => [name, textOf(value)]),
  };
}

/** Older evidence has no sentence; its numbers make one. */
function readSymptom(one: Raw): Symptom {
  const signal = textIn(one['signal']) ?? '';
  const unit = formatUnit(textIn(one['unit']) ?? '');
  const expected = numberIn(one['expected_value']);
  const usual = expected === null ? '' : `, usually ${formatValue(expected)} ${unit}`;
  return {
    signal,
    sentence:
      textIn(one['sentence']) ??
      `${signal.charAt(0).toUpperCase()}${signal.slice(1)} was ${formatValue(numberIn(one['value']))} ${unit}${usual}.`,
    since_ms: momentIn(one['since']),
    deviation: expected === null && 'sentence' in one ? null : numberIn(one['deviation']),
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

function readTrend(trend: Raw, named: Map<unknown, number | null>): ReadTrend | null {
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
    signal,
    unit: textIn(trend['unit']) ?? '',
    time_ms,
    value,
    expected: numberIn(trend['expected']),
    limits: readLimits(trend, named.get(signal) ?? null),
    step_ms,
  };
}

/** The signal's limits; in older evidence only the one that an alarm names. */
function readLimits(trend: Raw, named: number | null): Limit[] {
  const limits = limitNames.flatMap(([key, name]) => {
    const value = numberIn(trend[key]);
    return value === null ? [] : { name, value };
  });
  return limits.length > 0 || named === null ? limits : [{ name: '', value: named }];
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

function momentIn(raw: unknown): number | null {
  return numberIn(Date.parse(textIn(raw) ?? ''));
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

/** A frozen trend in a box of `width` × `height`; null values break the line. */
export interface TrendDrawing {
  path: string;
  low: number;
  high: number;
  expectedY: number | null;
  /** Those limits that are near enough to be drawn without making the trend flat; passed ones always are. */
  limits: (Limit & { y: number })[];
}

export function drawTrend(trend: FrozenTrend, width: number, height: number): TrendDrawing {
  const known = [...trend.value, trend.expected].filter((value) => value !== null);
  const [least, most] = known.length === 0 ? [0, 1] : [Math.min(...known), Math.max(...known)];
  const reach = most - least;
  const near = trend.limits.filter(({ value }) => value >= least - reach && value <= most + reach);
  const low = Math.min(least, ...near.map(({ value }) => value));
  const high = Math.max(most, ...near.map(({ value }) => value));
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
  const measured = trend.value.filter((value) => value !== null);
  return {
    path,
    low: measured.length === 0 ? 0 : Math.min(...measured),
    high: measured.length === 0 ? 0 : Math.max(...measured),
    expectedY: trend.expected === null ? null : y(trend.expected),
    limits: near.map((limit) => ({ ...limit, y: y(limit.value) })),
  };
}
