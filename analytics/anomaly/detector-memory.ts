import type { Columns } from '../feed/pack-columns.ts';
import { type Plant, Role } from '../plant.ts';

/** Products whose baselines a sensor remembers. */
export const productSlots = 4;

/** What the detector remembers of every sensor, as columns; one value a slot, `productSlots` values in `products…`. */
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
