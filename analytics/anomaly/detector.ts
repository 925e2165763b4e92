import type { Columns } from '../feed/pack-columns.ts';
import { type Plant, Role } from '../plant.ts';

/**
 * One streaming novelty score per sensor: a fast average against the sensor's own baseline under the product that runs,
 * in units of its usual spread (reference: EWMA against a baseline that is frozen while it alarms, the best cheap
 * multi-sensor detector measured on SKAB; docs/reliability.md). Only samples of a running, settled machine count,
 * because standing still is not unusual. About 0.1 µs a sample and 110 bytes a sensor.
 *
 * Limits: a fault that is there from the first samples of a product is learnt as normal; a very slow drift (below one
 * spread in two hours) is followed by the baseline.
 */
export const detectorName = 'ewma-baseline/1';

/** Share of a new sample in the fast average. */
const smoothing = 0.05;
/** Samples before the first score, and before the first score under a product not seen before. */
const learnSamples = 300;
const learnProductSamples = 120;
/** The spread is that of means of 20 samples, which vary about as much as the fast average does. */
const blockSamples = 20;
/**
 * What is learnt while the sensor still moves is no baseline: a machine that warms up from cold was called overheating
 * half an hour later. Learning starts again when the blocks spread three times more than neighbouring blocks differ (von
 * Neumann's ratio), or under a further product when its halves are two spreads apart; at most this often.
 */
const wanderRatio = 3;
const halvesApart = 2;
const mostAttempts = 15;
/**
 * The baseline is the mean of all samples until it has seen this many (2 h at 1 Hz), and follows the fast average with
 * that time constant from then on. During an anomaly it follows ten times slower: nearly frozen, so that a fault is not
 * learnt, and yet a machine that is different for good since a repair becomes normal again after a day.
 */
const matureSamples = 7200;
const anomalousRate = 0.1;
const spreadRate = 1e-4;
/** An anomaly opens at this many spreads for `openUs`, and closes below `closeDeviation` for `closeUs`. */
const openDeviation = 8;
const closeDeviation = 4;
const openUs = 20e6;
const closeUs = 60e6;
/** Products whose baselines a sensor remembers. */
const productSlots = 4;

export interface Detector {
  memory: {
    /** Samples that the baseline has seen; below the target it is learning. */
    learnt: Int32Array;
    attempts: Uint8Array;
    /** 1: the spread is known. */
    spread_known: Uint8Array;
    average: Float32Array;
    baseline: Float32Array;
    spread: Float32Array;
    floor: Float32Array;
    block_sum: Float64Array;
    block_mean: Float32Array;
    block_m2: Float32Array;
    last_block: Float32Array;
    /** Sum of the squared differences of neighbouring blocks. */
    block_steps: Float32Array;
    first_half: Float32Array;
    /** Product (order text id) of the present baseline; 0 none. */
    product: Int32Array;
    products: Int32Array;
    product_baseline: Float32Array;
    next_product: Uint8Array;
    deviation: Float32Array;
    /** 0 quiet, 1 about to open, 2 open, 3 about to close. */
    phase: Uint8Array;
    since_us: Float64Array;
    started_us: Float64Array;
    peak: Float32Array;
  } & Columns;
  range: Float64Array;
}

export interface AnomalyChange {
  opened: boolean;
  started_us: number;
  /** When it opened or closed, source time. */
  at_us: number;
  peak_score: number;
  value: number;
  expected_value: number;
}

export function createDetector(plant: Plant): Detector {
  const n = plant.signals.length;
  const detector: Detector = {
    memory: {
      learnt: new Int32Array(n),
      attempts: new Uint8Array(n),
      spread_known: new Uint8Array(n),
      average: new Float32Array(n),
      baseline: new Float32Array(n),
      spread: new Float32Array(n),
      floor: new Float32Array(n),
      block_sum: new Float64Array(n),
      block_mean: new Float32Array(n),
      block_m2: new Float32Array(n),
      last_block: new Float32Array(n),
      block_steps: new Float32Array(n),
      first_half: new Float32Array(n),
      product: new Int32Array(n),
      products: new Int32Array(n * productSlots),
      product_baseline: new Float32Array(n * productSlots),
      next_product: new Uint8Array(n),
      deviation: new Float32Array(n).fill(Number.NaN),
      phase: new Uint8Array(n),
      since_us: new Float64Array(n),
      started_us: new Float64Array(n),
      peak: new Float32Array(n),
    },
    range: new Float64Array(n),
  };
  for (const [slot, signal] of plant.signals.entries()) {
    if (signal.role === Role.measurement) detector.range[slot] = signal.range ?? 0;
  }
  return detector;
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
  const target = m.spread_known[slot] === 1 ? learnProductSamples : learnSamples;
  if (learnt < target) {
    learn(detector, slot, value, learnt, target);
    return;
  }
  const average = (m.average[slot] ?? 0) + smoothing * (value - (m.average[slot] ?? 0));
  const baseline = m.baseline[slot] ?? 0;
  const spread = m.spread[slot] ?? 1;
  const deviation = (average - baseline) / spread;
  m.average[slot] = average;
  m.deviation[slot] = deviation;
  const size = Math.abs(deviation);
  const quiet = (m.phase[slot] ?? 0) < 2;
  m.baseline[slot] = baseline + ((quiet ? 1 : anomalousRate) / learnt) * (average - baseline);
  if (quiet && learnt < matureSamples) m.learnt[slot] = learnt + 1;
  if (quiet && size < closeDeviation) {
    const square = spread * spread + spreadRate * ((average - baseline) ** 2 - spread * spread);
    m.spread[slot] = Math.max(Math.sqrt(square), m.floor[slot] ?? 0);
  }
  if (size < closeDeviation && m.phase[slot] === 0) return;
  step(detector, slot, timeUs, size, sink);
}

function learn(detector: Detector, slot: number, value: number, learnt: number, target: number): void {
  const m = detector.memory;
  const count = learnt + 1;
  m.learnt[slot] = count;
  m.baseline[slot] = (m.baseline[slot] ?? 0) + (value - (m.baseline[slot] ?? 0)) / count;
  m.deviation[slot] = Number.NaN;
  m.block_sum[slot] = (m.block_sum[slot] ?? 0) + value;
  if (count % blockSamples === 0) learnBlock(m, slot, count / blockSamples);
  if (count === target / 2) m.first_half[slot] = m.baseline[slot] ?? 0;
  if (count < target) return;

  const baseline = m.baseline[slot] ?? 0;
  const blocks = target / blockSamples;
  // A sensor that hardly moves must not alarm at the last digit: 0.2 % of its range or value is never unusual.
  const floor = Math.max(0.002 * (detector.range[slot] ?? 0), 0.002 * Math.abs(baseline), 1e-9);
  const variance = Math.max((m.block_m2[slot] ?? 0) / (blocks - 1), floor * floor);
  const known = m.spread_known[slot] === 1;
  const wanders = known
    ? 2 * Math.abs(baseline - (m.first_half[slot] ?? 0)) > halvesApart * (m.spread[slot] ?? 0)
    : variance > wanderRatio * Math.max((m.block_steps[slot] ?? 0) / (2 * (blocks - 1)), floor * floor);
  if (wanders && (m.attempts[slot] ?? 0) < mostAttempts) {
    m.attempts[slot] = (m.attempts[slot] ?? 0) + 1;
    startLearning(m, slot);
    return;
  }
  m.attempts[slot] = 0;
  m.average[slot] = baseline;
  if (!known) {
    m.floor[slot] = floor;
    m.spread[slot] = Math.sqrt(variance);
    m.spread_known[slot] = 1;
  }
  rememberProduct(detector, slot, baseline);
}

function learnBlock(m: Detector['memory'], slot: number, blocks: number): void {
  const mean = (m.block_sum[slot] ?? 0) / blockSamples;
  const delta = mean - (m.block_mean[slot] ?? 0);
  m.block_mean[slot] = (m.block_mean[slot] ?? 0) + delta / blocks;
  m.block_m2[slot] = (m.block_m2[slot] ?? 0) + delta * (mean - (m.block_mean[slot] ?? 0));
  if (blocks > 1) m.block_steps[slot] = (m.block_steps[slot] ?? 0) + (mean - (m.last_block[slot] ?? 0)) ** 2;
  m.last_block[slot] = mean;
  m.block_sum[slot] = 0;
}

function startLearning(m: Detector['memory'], slot: number): void {
  m.learnt[slot] = 0;
  m.baseline[slot] = 0;
  m.block_sum[slot] = 0;
  m.block_mean[slot] = 0;
  m.block_m2[slot] = 0;
  m.block_steps[slot] = 0;
}

/** Leaves the baseline of one product for that of another; an unknown product is learnt first. */
function changeProduct(detector: Detector, slot: number, product: number): void {
  const m = detector.memory;
  const target = m.spread_known[slot] === 1 ? learnProductSamples : learnSamples;
  if ((m.learnt[slot] ?? 0) >= target) rememberProduct(detector, slot, m.baseline[slot] ?? 0);
  m.product[slot] = product;
  m.attempts[slot] = 0;
  if (m.phase[slot] === 1) m.phase[slot] = 0;
  for (let part = slot * productSlots; part < (slot + 1) * productSlots; part++) {
    // Products are stored as id + 1, so that 0 means an empty place.
    if (m.products[part] !== product + 1) continue;
    m.baseline[slot] = m.product_baseline[part] ?? 0;
    m.average[slot] = m.baseline[slot] ?? 0;
    m.learnt[slot] = matureSamples;
    return;
  }
  startLearning(m, slot);
  m.deviation[slot] = Number.NaN;
}

function rememberProduct(detector: Detector, slot: number, baseline: number): void {
  const m = detector.memory;
  const product = (m.product[slot] ?? 0) + 1;
  const first = slot * productSlots;
  let part = first;
  while (part < first + productSlots && m.products[part] !== product) part++;
  if (part === first + productSlots) {
    part = first + (m.next_product[slot] ?? 0);
    m.next_product[slot] = ((m.next_product[slot] ?? 0) + 1) % productSlots;
  }
  m.products[part] = product;
  m.product_baseline[part] = baseline;
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
