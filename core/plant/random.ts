/**
 * The one source of chance of the reference plant and the simulators: the same seed and stream name give the same
 * numbers on every machine. A stream of its own for every thing that draws (a machine, a fault) makes the result
 * independent of the order in which things are evaluated.
 */
export interface Random {
  /** Evenly distributed from 0 (included) to 1 (excluded). */
  next(): number;
  /** Evenly distributed between two numbers. */
  between(least: number, most: number): number;
  /** True with the given chance. */
  chance(probability: number): boolean;
  pick<Item>(items: readonly Item[]): Item;
  /**
   * Bell-shaped noise with mean 0 and standard deviation 1, never beyond ±3.47: the sum of four even draws (Irwin-Hall,
   * scaled). Bounded on purpose, so that "a healthy machine never alarms" can hold for every one of 10^9 readings.
   */
  noise(): number;
}

/** A stream of random numbers for `name` under `seed`. The generator is sfc32 (C. Doty-Humphrey), seeded by an FNV-1a hash. */
export function createRandom(seed: number, name: string): Random {
  let a = hash(`${seed}/${name}/a`);
  let b = hash(`${seed}/${name}/b`);
  let c = hash(`${seed}/${name}/c`);
  let counter = 1;
  function next(): number {
    const result = (a + b + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = ((c << 21) | (c >>> 11)) + result;
    return (result >>> 0) / 4_294_967_296;
  }
  // The first numbers still show the seed; the author's own seeding routine drops twelve.
  for (let round = 0; round < 12; round++) next();
  return {
    next,
    between: (least, most) => least + (most - least) * next(),
    chance: (probability) => next() < probability,
    pick: (items) => {
      const item = items[Math.floor(next() * items.length)];
      if (item === undefined) throw new Error('Nothing to pick from.');
      return item;
    },
    // The variance of one even draw is 1/12; of four, 1/3.
    noise: () => (next() + next() + next() + next() - 2) * Math.sqrt(3),
  };
}

function hash(text: string): number {
  let value = 0x811c9dc5;
  for (let index = 0; index < text.length; index++) {
    value = Math.imul(value ^ text.charCodeAt(index), 0x01000193);
  }
  return value | 0;
}
