/** The middle value; NaN of nothing. */
export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

/** The value below which `part` of the values lie, interpolated; NaN of nothing. */
export function quantile(values: readonly number[], part: number): number {
  const sorted = [...values].sort((left, right) => left - right);
  if (sorted.length === 0) return Number.NaN;
  const place = (sorted.length - 1) * part;
  const low = sorted[Math.floor(place)] ?? Number.NaN;
  const high = sorted[Math.ceil(place)] ?? Number.NaN;
  return low + (high - low) * (place - Math.floor(place));
}

export interface Interval {
  value: number;
  low: number;
  high: number;
}

/**
 * The ratio of two medians with its 95 % bootstrap interval. `ours[i]` and `theirs[i]` were measured one after the other,
 * so pairs are drawn, not single values: what disturbed the machine for a minute disturbed both. The draws are seeded:
 * the same measurements give the same interval.
 */
export function ratioInterval(ours: readonly number[], theirs: readonly number[], draws = 4000): Interval {
  const pairs = ours.map((value, index) => [value, theirs[index] ?? Number.NaN] as const);
  const random = createDraw(17);
  const ratios: number[] = [];
  for (let draw = 0; draw < draws; draw++) {
    const drawn = pairs.map(() => pairs[Math.floor(random() * pairs.length)] ?? [Number.NaN, Number.NaN]);
    ratios.push(median(drawn.map(([own]) => own)) / median(drawn.map(([, other]) => other)));
  }
  return { value: median(ours) / median(theirs), low: quantile(ratios, 0.025), high: quantile(ratios, 0.975) };
}

/** How far two runs of the same thing lie apart: |a - b| of the medians of both, in parts of their mean. */
export function sameThingDifference(first: readonly number[], second: readonly number[]): number {
  const one = median(first);
  const other = median(second);
  return Math.abs(one - other) / ((one + other) / 2);
}

/** The first, third, … and the second, fourth, … of the repeats: two measurements of the same thing, in turns. */
export function oddAndEven(values: readonly number[]): [number[], number[]] {
  return [values.filter((_, index) => index % 2 === 0), values.filter((_, index) => index % 2 === 1)];
}

/** The exponent b of y = a·x^b through the points, by least squares of the logarithms. */
export function growthExponent(points: readonly { x: number; y: number }[]): number {
  const logs = points.map(({ x, y }) => ({ x: Math.log(x), y: Math.log(y) }));
  const meanX = logs.reduce((sum, { x }) => sum + x, 0) / logs.length;
  const meanY = logs.reduce((sum, { y }) => sum + y, 0) / logs.length;
  const over = logs.reduce((sum, { x, y }) => sum + (x - meanX) * (y - meanY), 0);
  return over / logs.reduce((sum, { x }) => sum + (x - meanX) ** 2, 0);
}

function createDraw(seed: number): () => number {
  let state = seed;
  return () => {
    // mulberry32: enough for drawing numbers out of a list of five.
    state = (state + 0x6d2b_79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
