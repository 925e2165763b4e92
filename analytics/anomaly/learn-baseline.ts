import { type Detector, productSlots } from './detector-memory.ts';

/**
 * Samples before the first score, and before the first score under a product not seen before. Half an hour at 1 Hz: what
 * was learnt in five minutes knew nothing of how load, grid and hall wander, and called each of them unusual later.
 */
const learnSamples = 1800;
const learnProductSamples = 600;
/** The spread is that of means of 20 samples, which vary about as much as the fast average does. */
const blockSamples = 20;
/**
 * What is learnt while the sensor still moves is no baseline: a machine that warms up from cold was called overheating
 * half an hour later. Learning starts again when the blocks spread three times more than neighbouring blocks differ (von
 * Neumann's ratio), or under a further product when its halves are two spreads apart; at most this often.
 */
const wanderRatio = 3;
const halvesApart = 2;
const mostAttempts = 3;
/**
 * The baseline is the mean of all samples until it has seen this many (2 h at 1 Hz), and follows the fast average with
 * that time constant from then on. During an anomaly it follows ten times slower: nearly frozen, so that a fault is not
 * learnt, and yet a machine that is different for good since a repair becomes normal again after a day.
 */
export const matureSamples = 7200;
/** A product that comes back finds another hall and other tools: its baseline counts as this old, and follows faster. */
const returningSamples = 1200;

/** Samples that a sensor needs before its next score. */
export function learnTarget(detector: Detector, slot: number): number {
  return detector.memory.spread_known[slot] === 1 ? learnProductSamples : learnSamples;
}

/** One sample of a sensor that is learning. */
export function learn(detector: Detector, slot: number, value: number, learnt: number, target: number): void {
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
  // A sensor that hardly moves must not alarm at the last digit: a spread is at least 0.5 % of its range, 0.2 % of its value.
  const floor = Math.max(0.003 * (detector.range[slot] ?? 0), 0.002 * Math.abs(baseline), 1e-9);
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
export function changeProduct(detector: Detector, slot: number, product: number): void {
  const m = detector.memory;
  const target = learnTarget(detector, slot);
  if ((m.learnt[slot] ?? 0) >= target) rememberProduct(detector, slot, m.baseline[slot] ?? 0);
  m.product[slot] = product;
  m.attempts[slot] = 0;
  if (m.phase[slot] === 1) m.phase[slot] = 0;
  for (let part = slot * productSlots; part < (slot + 1) * productSlots; part++) {
    // Products are stored as id + 1, so that 0 means an empty place.
    if (m.products[part] !== product + 1) continue;
    m.baseline[slot] = m.product_baseline[part] ?? 0;
    m.average[slot] = m.baseline[slot] ?? 0;
    m.learnt[slot] = returningSamples;
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
