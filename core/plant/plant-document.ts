import { z } from 'zod';
import { protocols, signalKinds } from '../reading.ts';

/**
 * A whole plant as one plain document: what the file import reads, the export writes, the reference plant is made as,
 * and the simulators play. Names are those of the tables; the order of a list is the order people see.
 */

/** A text of a certain form; the same words say what is accepted when it is missing, of another type, or misshapen. */
const form = (pattern: RegExp, accepted: string) => z.string(accepted).regex(pattern, accepted);
const list = <Item extends z.ZodType>(item: Item) => z.array(item, 'a list');
/** One thing with its fields. The words are for what is something else; a field that it does not know is named by checkPlant. */
const thing = <Fields extends z.core.$ZodLooseShape>(name: string, fields: Fields) =>
  z.strictObject(fields, `${name} with its fields by name`);

const titled = form(/^\S(.{0,198}\S)?$/, 'a text of 1 to 200 characters in one line');
const plainName = form(/^[^/+#\s]{1,64}$/, 'a name of 1 to 64 characters without spaces, "/", "+" or "#"');
// Sparkplug's group id is <enterprise>-<site>, so a "-" in either would make the two indistinguishable.
export const groupName = form(/^[^/+#\s-]{1,64}$/, 'a name of 1 to 64 characters without spaces, "-", "/", "+" or "#"');
const clockTime = form(/^([01]\d|2[0-3]):[0-5]\d$/, 'a local time as HH:MM from 00:00 to 23:59');
const number = z.number('a number');
const optionalNumber = z.number('a number, or nothing').nullable().default(null);
const optionalText = z
  .string('a text, or nothing')
  .max(200, 'a text of at most 200 characters')
  .nullable()
  .default(null);
const weekSeconds = 604_800;
const delay = z
  .number(`a number of seconds from 0 to ${weekSeconds}`)
  .min(0, `a number of seconds from 0 to ${weekSeconds}`)
  .max(weekSeconds, `a number of seconds from 0 to ${weekSeconds}`)
  .default(0);
const duration = (accepted: string) => z.number(accepted).positive(accepted).max(weekSeconds, accepted);
const rollover = `a number above 0 and up to ${Number.MAX_SAFE_INTEGER}, or nothing`;

export const sourceSchema = thing('a source', {
  protocol: z.enum(protocols, `one of ${protocols.join(', ')}`),
  /** OPC UA only: application URI or endpoint URL; empty means any configured server. */
  server: z.string('a server address, or nothing').max(1024, 'a server address of at most 1024 characters').default(''),
  /** mqtt: the signal's topic; sparkplug: group/edge node/device/metric; opcua: node id with namespace URI. */
  address: form(/^\S(.{0,1022}\S)?$/, 'an address of 1 to 1024 characters'),
});

export const signalSchema = thing('a signal', {
  name: plainName,
  kind: z.enum(signalKinds, `one of ${signalKinds.join(', ')}`).default('measurement'),
  /** What the value means to analytics: temperature, vibration, …; for counters good, reject or total. */
  quantity: form(/^\S{1,64}$/, 'a word such as temperature; for a counter good, reject or total').optional(),
  /** Shown beside the value and never computed with; UCUM codes are shown as people write them (Cel as °C). */
  unit: z.string('a unit such as Cel or mm/s').max(40, 'a unit of at most 40 characters').default(''),
  expected_interval_seconds: duration(`a number of seconds above 0 and up to ${weekSeconds}`).default(1),
  range_low: optionalNumber,
  range_high: optionalNumber,
  limit_low_low: optionalNumber,
  limit_low: optionalNumber,
  limit_high: optionalNumber,
  limit_high_high: optionalNumber,
  deadband: number.min(0, 'a number, 0 or more, in the unit of the signal').default(0),
  on_delay_seconds: delay,
  off_delay_seconds: delay,
  counter_rollover: z
    .number(rollover)
    .positive(rollover)
    .max(Number.MAX_SAFE_INTEGER, rollover)
    .nullable()
    .default(null),
  sources: list(sourceSchema).default([]),
});

export const machineSchema = thing('a machine', {
  name: plainName,
  title: titled.optional(),
  class: plainName.default('machine'),
  criticality: z.enum(['A', 'B', 'C'], 'A, B or C').default('B'),
  /** The line's OEE is measured at its constraint machine; at most one a line. */
  constraint: z.boolean('true or false').default(false),
  manufacturer: optionalText,
  model: optionalText,
  serial_number: optionalText,
  signals: list(signalSchema).default([]),
});

export const lineSchema = thing('a line', {
  name: plainName,
  title: titled.optional(),
  ideal_cycles: list(
    thing('an ideal cycle', {
      product: z.string('the code of a product'),
      seconds: duration(`a number of seconds above 0 and up to ${weekSeconds} for one item`),
    }),
  ).default([]),
  machines: list(machineSchema).default([]),
});

const weekday = z.int('weekdays from 1 (Monday) to 7').min(1, 'weekdays from 1 to 7').max(7, 'weekdays from 1 to 7');

export const shiftSchema = thing('a shift', {
  name: titled,
  /** ISO weekdays on which the shift starts, 1 = Monday. */
  weekdays: z
    .array(weekday, 'weekdays such as mon-fri, in YAML a list of numbers from 1 (Monday) to 7')
    .min(1, 'at least one weekday')
    .default([1, 2, 3, 4, 5, 6, 7]),
  /** Local times of the site. A shift whose end is not after its start ends the next day. */
  start: clockTime,
  end: clockTime,
  breaks: list(thing('a break', { start: clockTime, end: clockTime })).default([]),
});

export const siteSchema = thing('a site', {
  name: groupName,
  title: titled.optional(),
  time_zone: z
    .string('an IANA time zone such as Europe/Berlin')
    .refine(isTimeZone, 'an IANA time zone such as Europe/Berlin'),
  shifts: list(shiftSchema).default([]),
  lines: list(lineSchema).default([]),
});

export const employeeRoles = [
  'administrator',
  'engineer',
  'planner',
  'supervisor',
  'technician',
  'operator',
  'viewer',
] as const;

/** The form of a plant, field by field. What fields say about each other is checked by `checkPlant`, which is the way in. */
export const plantSchema = thing('a plant', {
  enterprise: groupName,
  products: list(
    thing('a product', {
      code: form(/^\S(.{0,62}\S)?$/, 'a product code of 1 to 64 characters'),
      title: titled.optional(),
    }),
  ).default([]),
  sites: list(siteSchema).min(1, 'at least one site'),
  employees: list(
    thing('an employee', {
      email: z.email('an e-mail address'),
      name: titled,
      role: z.enum(employeeRoles, `one of ${employeeRoles.join(', ')}`),
      /** The site the person works at; nothing means all of them. */
      site: z.string('the name of a site, or nothing').nullable().default(null),
    }),
  ).default([]),
}).transform(withDefaults);

/** A plant as someone may write it: everything with a default may be missing. */
export type PlantInput = z.input<typeof plantSchema>;
/** A checked plant: nothing missing. */
export type Plant = z.output<typeof plantSchema>;
export type PlantSite = Plant['sites'][number];
export type PlantLine = PlantSite['lines'][number];
export type PlantMachine = PlantLine['machines'][number];
export type PlantSignal = PlantMachine['signals'][number];
export type PlantSource = PlantSignal['sources'][number];
export type PlantShift = PlantSite['shifts'][number];

/** Whether this machine's own time zone data know the name; "UTC+2"-like offsets are refused, since they know no summer time. */
function isTimeZone(name: string): boolean {
  if (/^[+-]/.test(name)) return false;
  try {
    new Intl.DateTimeFormat('en', { timeZone: name });
    return true;
  } catch {
    return false;
  }
}

/**
 * Titles default to names, and quantities to the signal's name (measurements) or its kind. Ideal cycles come in the
 * order of the products, the only one that the database keeps.
 */
function withDefaults(plant: {
  enterprise: string;
  products: { code: string; title?: string | undefined }[];
  sites: z.output<typeof siteSchema>[];
  employees: { email: string; name: string; role: (typeof employeeRoles)[number]; site: string | null }[];
}) {
  const order = new Map(plant.products.map((product, index) => [product.code, index]));
  return {
    enterprise: plant.enterprise,
    products: plant.products.map((product) => ({ code: product.code, title: product.title ?? product.code })),
    sites: plant.sites.map((site) => ({
      ...site,
      title: site.title ?? site.name,
      lines: site.lines.map((line) => ({
        ...line,
        title: line.title ?? line.name,
        ideal_cycles: line.ideal_cycles.toSorted(
          (one, two) => (order.get(one.product) ?? 0) - (order.get(two.product) ?? 0),
        ),
        machines: line.machines.map((machine) => ({
          ...machine,
          title: machine.title ?? machine.name,
          signals: machine.signals.map((signal) => ({
            ...signal,
            quantity: signal.quantity ?? (signal.kind === 'measurement' ? signal.name : signal.kind),
          })),
        })),
      })),
    })),
    employees: plant.employees,
  };
}
