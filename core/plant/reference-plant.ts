import type { Protocol } from '../reading.ts';
import { checkPlant } from './check-plant.ts';
import { machineClasses, type MachineClass } from './machine-class.ts';
import type { Plant, PlantInput } from './plant-document.ts';
import { createRandom, type Random } from './random.ts';
import { referenceLineKinds, referencePeople, referenceSites, type ReferenceSite } from './reference-figures.ts';
import { referenceSignals } from './reference-signals.ts';

const linesPerSite = 7;
/** Counted over the whole plant: 21 lines of 11 machines, five of them with a twelfth, are 236 machines. */
const linesWithTwelve = new Set([0, 4, 8, 12, 16]);
/** 236 machines with 7 sensors each and 129 with an eighth are 1,781 sensors. */
const machinesWithEighth = 129;

type LineInput = NonNullable<PlantInput['sites'][number]['lines']>[number];

/**
 * The plant that everyone gets who has none: 3 sites, 21 lines, 236 machines, 1,781 sensors, and on every machine a
 * state, two counters, a fault code and an order beside them. The same seed gives the same plant to the last digit.
 */
export function referencePlant(seed: number, enterprise = 'millrace'): Plant {
  const random = createRandom(seed, 'reference plant');
  const withEighth = chooseWithEighth(random);
  const products = new Map<string, string>();
  let lineIndex = 0;
  let machineIndex = 0;

  function line(site: ReferenceSite, number: number): LineInput {
    const kind = random.pick(referenceLineKinds);
    const name = `line-${String(number).padStart(2, '0')}`;
    // One after the other, so that every site speaks all three protocols and each protocol gets seven lines.
    const protocol = (['mqtt', 'sparkplug', 'opcua'] as const)[lineIndex % 3] ?? 'mqtt';
    const classes = linesWithTwelve.has(lineIndex) ? [...kind.classes, 'conveyor'] : kind.classes;
    lineIndex++;
    const made = [...kind.products].sort(() => random.next() - 0.5).slice(0, 2 + Math.floor(random.next() * 3));
    for (const product of made) products.set(product.code, product.title);
    const titles = new Map<string, number>();
    return {
      name,
      title: `${kind.title} ${number}`,
      ideal_cycles: made.map((product) => ({
        product: product.code,
        seconds: Math.round(product.ideal_cycle_seconds * random.between(0.9, 1.1) * 10) / 10,
      })),
      machines: classes.map((className, position) => {
        const machineClass = requireClass(className);
        const count = (titles.get(className) ?? 0) + 1;
        titles.set(className, count);
        const machine = `m-${String(position + 1).padStart(3, '0')}`;
        return {
          name: machine,
          title: `${machineClass.title} ${count}`,
          class: className,
          criticality: position === kind.constraint ? 'A' : random.chance(0.6) ? 'B' : 'C',
          constraint: position === kind.constraint,
          manufacturer: machineClass.manufacturer,
          model: `${machineClass.manufacturer.slice(0, 2).toUpperCase()}-${100 + Math.floor(random.next() * 900)}`,
          serial_number: String(Math.floor(random.between(1e7, 1e8))),
          signals: referenceSignals({
            machineClass,
            withEighth: withEighth.has(machineIndex++),
            voltage: site.voltage,
            // 16-bit PLC counters are still common; every fifth machine has one.
            counterRollover: random.chance(0.2) ? 65_535 : null,
            source: (signal) => ({
              protocol,
              address: sourceAddress(protocol, enterprise, site.name, name, machine, signal),
            }),
          }),
        };
      }),
    };
  }

  const sites = referenceSites.map((site) => ({
    name: site.name,
    title: site.title,
    time_zone: site.time_zone,
    shifts: site.shifts,
    lines: Array.from({ length: linesPerSite }, (_, index) => line(site, index + 1)),
  }));
  const { plant, problems } = checkPlant({
    enterprise,
    products: [...products]
      .map(([code, title]) => ({ code, title }))
      .sort((one, two) => (one.code < two.code ? -1 : 1)),
    sites,
    employees: referencePeople,
  } satisfies PlantInput);
  if (plant === undefined) throw new Error(`The reference plant breaks its own rules: ${JSON.stringify(problems[0])}`);
  return plant;
}

/** The address under which a signal of the reference plant speaks (the contract of each protocol). */
function sourceAddress(protocol: Protocol, ...[enterprise, site, line, machine, signal]: string[]): string {
  switch (protocol) {
    case 'mqtt':
      return `${enterprise}/${site}/${line}/${machine}/${signal}`;
    case 'sparkplug':
      return `${enterprise}-${site}/${line}/${machine}/${signal}`;
    case 'opcua':
      return `nsu=urn:millrace:plant;s=${enterprise}/${site}/${line}/${machine}/${signal}`;
  }
}

function chooseWithEighth(random: Random): Set<number> {
  const machines = Array.from({ length: 21 * 11 + linesWithTwelve.size }, (_, index) => index);
  const chosen = new Set<number>();
  while (chosen.size < machinesWithEighth) chosen.add(random.pick(machines));
  return chosen;
}

function requireClass(name: string): MachineClass {
  const found = machineClasses.get(name);
  if (found === undefined) throw new Error(`The reference plant names a machine class "${name}" that does not exist.`);
  return found;
}
