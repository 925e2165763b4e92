import type { Detector } from './detector-memory.ts';
import { changeProduct, learn, learnTarget, matureSamples } from './learn-baseline.ts';

/**
 * One streaming novelty score per sensor: a fast average against the sensor's own baseline under the product that runs,
 * in units of its usual spread (reference: EWMA against a baseline that is frozen while it alarms, the best cheap
 * multi-sensor detector measured on SKAB; docs/reliability.md). Only samples of a running, settled machine count,
 * because standing still is not unusual. Measured 0.05 µs a sample and 99 bytes a sensor.
 *
 * Limits: a fault that is there from the first samples of a product is learnt as normal; a very slow drift (below one
 * spread in two hours) is followed by the baseline.
 */
export const detectorName = 'ewma-baseline/2';

/** Share of a new sample in the fast average. */
const smoothing = 0.05;
/** During an anomaly the baseline follows this much slower. */
const anomalousRate = 0.1;
const spreadRate = 5e-5;
/** One sample counts as at most this many spreads off: a single value in a wrong unit is no anomaly, ten of them are. */
const mostStep = 40;
/** An anomaly opens at this many spreads for `openUs`, and closes below `closeDeviation` for `closeUs`. */
const openDeviation = 8;
const closeDeviation = 4;
const openUs = 20e6;
const closeUs = 60e6;

/** A stretch of unusual behaviour that began or ended. */
export interface AnomalyChange {
  opened: boolean;
  started_us: number;
  /** When it opened or closed, source time. */
  at_us: number;
  peak_score: number;
  value: number;
  expected_value: number;
}

/** 0 nothing unusual … 1 never seen before; 0.5 at the deviation that opens an anomaly. NaN while learning. */
export function scoreOf(deviation: number): number {
  const square = deviation * deviation;
  return square / (square + openDeviation * openDeviation);
}

export function isOpen(detector: Detector, slot: number): boolean {
  return (detector.memory.phase[slot] ?? 0) >= 2;
}

/** One good sample of a running machine, in order of source time; `product` is the running order's text id or 0. */
export function observeSample(
  detector: Detector,
  slot: number,
  timeUs: number,
  value: number,
  product: number,
  sink: (change: AnomalyChange) => void,
): void {
  const m = detector.memory;
  if (m.product[slot] !== product) changeProduct(detector, slot, product);
  const learnt = m.learnt[slot] ?? 0;
  const target = learnTarget(detector, slot);
  if (learnt < target) {
    learn(detector, slot, value, learnt, target);
    return;
  }
  const baseline = m.baseline[slot] ?? 0;
  const spread = m.spread[slot] ?? 1;
  const last = m.average[slot] ?? 0;
  const most = mostStep * spread;
  const average = last + smoothing * Math.max(-most, Math.min(most, value - last));
  const deviation = (average - baseline) / spread;
  m.average[slot] = average;
  m.deviation[slot] = deviation;
  const size = Math.abs(deviation);
  const quiet = (m.phase[slot] ?? 0) < 2;
  m.baseline[slot] = baseline + ((quiet ? 1 : anomalousRate) / learnt) * (average - baseline);
  if (quiet && learnt < matureSamples) m.learnt[slot] = learnt + 1;
  if (quiet && size < closeDeviation) {
    // A young spread is that of all that was seen, a mature one follows slowly.
    const square =
      spread * spread +
      (learnt < matureSamples ? 1 / learnt : spreadRate) * ((average - baseline) ** 2 - spread * spread);
    m.spread[slot] = Math.max(Math.sqrt(square), m.floor[slot] ?? 0);
  }
  if (size < closeDeviation && m.phase[slot] === 0) return;
  step(detector, slot, timeUs, size, sink);
}

function step(
  detector: Detector,
  slot: number,
  timeUs: number,
  size: number,
  sink: (change: AnomalyChange) => void,
): void {
  const m = detector.memory;
  const score = scoreOf(size);
  switch (m.phase[slot]) {
    case 0:
      if (size < openDeviation) return;
      m.phase[slot] = 1;
      m.since_us[slot] = timeUs;
      m.peak[slot] = score;
      return;
    case 1:
      if (size < openDeviation) {
        m.phase[slot] = 0;
        return;
      }
      m.peak[slot] = Math.max(m.peak[slot] ?? 0, score);
      if (timeUs - (m.since_us[slot] ?? 0) < openUs) return;
      m.phase[slot] = 2;
      m.started_us[slot] = m.since_us[slot] ?? timeUs;
      sink(changeOf(m, slot, true, timeUs));
      return;
    case 2:
      m.peak[slot] = Math.max(m.peak[slot] ?? 0, score);
      if (size >= closeDeviation) return;
      m.phase[slot] = 3;
      m.since_us[slot] = timeUs;
      return;
    default:
      if (size >= closeDeviation) {
        m.phase[slot] = 2;
        return;
      }
      if (timeUs - (m.since_us[slot] ?? 0) < closeUs) return;
      m.phase[slot] = 0;
      sink(changeOf(m, slot, false, m.since_us[slot] ?? timeUs));
  }
}

function changeOf(m: Detector['memory'], slot: number, opened: boolean, atUs: number): AnomalyChange {
  return {
    opened,
    started_us: m.started_us[slot] ?? atUs,
    at_us: atUs,
    peak_score: m.peak[slot] ?? 0,
    value: m.average[slot] ?? 0,
    expected_value: m.baseline[slot] ?? 0,
  };
}
