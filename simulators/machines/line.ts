import type { PlantLine, PlantSite } from '../../core/plant/plant-document.ts';
import { createRandom } from '../../core/plant/random.ts';
import { createShiftClock, type ShiftMoment } from './shift-clock.ts';

/** What a line tells its machines at one moment. */
export interface LineMoment extends ShiftMoment {
  product: string;
  /** Seconds for one item of the product at best. */
  ideal_cycle_seconds: number;
  /** Load that the product puts on the machines, 0 to 1. */
  load: number;
  changeover: boolean;
  /** What comes after the present product; during a changeover the line is set up for it. */
  next_product: string;
}

export interface Line {
  /** The moment, for rising times. */
  at(timeMs: number): LineMoment;
  /** Machine number `position` says whether it stands still, so that its neighbours can feel it. */
  report(position: number, standing: boolean, timeMs: number): void;
  /** Whether machine number `position` lacks work or room: one `n` places away has stood for more than n × 30 s. */
  isStarved(position: number, timeMs: number): boolean;
}

const bufferSeconds = 30;

/**
 * One line: its calendar, its order of products (each 2 to 6 hours, then 4 to 14 minutes of changeover), and the buffers
 * between its machines. Which product runs when depends on the seed and the time alone, so that a restart finds the same.
 */
export function createLine(site: PlantSite, plantLine: PlantLine, seed: number): Line {
  const name = `${site.name}/${plantLine.name}`;
  const shiftAt = createShiftClock(site.time_zone, site.shifts);
  const random = createRandom(seed, `${name} orders`);
  const products = plantLine.ideal_cycles.map((cycle) => ({
    product: cycle.product,
    ideal_cycle_seconds: cycle.seconds,
    load: createRandom(seed, `${name} ${cycle.product}`).between(0.8, 0.96),
  }));
  if (products.length === 0) products.push({ product: 'NONE', ideal_cycle_seconds: 10, load: 0.85 });
  // One round of all products, then from the beginning: no state, only arithmetic on the time.
  let endsAt = 0;
  const round = products.map((product) => {
    const runs = random.between(2, 6) * 3_600_000;
    const changes = products.length === 1 ? 0 : random.between(4, 14) * 60_000;
    endsAt += runs + changes;
    return { ...product, changesAt: endsAt - changes, endsAt };
  });
  const standingSince = plantLine.machines.map(() => Infinity);

  return {
    at(timeMs) {
      const into = timeMs % endsAt;
      const at = round.findIndex((each) => into < each.endsAt);
      const order = round[at];
      const next_product = (round[at + 1] ?? round[0])?.product ?? '';
      if (order === undefined) throw new Error(`Line ${name} has no order.`);
      const { product, ideal_cycle_seconds, load } = order;
      return {
        ...shiftAt(timeMs),
        product,
        ideal_cycle_seconds,
        load,
        changeover: into >= order.changesAt,
        next_product,
      };
    },
    report(position, standing, timeMs) {
      if (!standing) standingSince[position] = Infinity;
      else standingSince[position] = Math.min(standingSince[position] ?? Infinity, timeMs);
    },
    isStarved(position, timeMs) {
      return standingSince.some(
        (since, other) => other !== position && timeMs - since > Math.abs(other - position) * bufferSeconds * 1000,
      );
    },
  };
}
