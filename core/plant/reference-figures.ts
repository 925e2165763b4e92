import type { PlantInput } from './plant-document.ts';

/** The fixed figures of the reference plant: where it stands, what its lines are made of, what they make, who works there. */
export interface ReferenceSite {
  name: string;
  title: string;
  time_zone: string;
  /** Nominal line-to-line voltage of the country, V. */
  voltage: number;
  shifts: NonNullable<PlantInput['sites'][number]['shifts']>;
}

export const referenceSites: ReferenceSite[] = [
  { name: 'berlin', title: 'Berlin', time_zone: 'Europe/Berlin', voltage: 400, shifts: threeShifts(6 * 60) },
  { name: 'newyork', title: 'New York', time_zone: 'America/New_York', voltage: 480, shifts: threeShifts(7 * 60) },
  { name: 'pune', title: 'Pune', time_zone: 'Asia/Kolkata', voltage: 415, shifts: threeShifts(6 * 60 + 30) },
];

export interface ReferenceLineKind {
  title: string;
  classes: string[];
  /** Index of the machine that sets the pace. */
  constraint: number;
  products: { code: string; title: string; ideal_cycle_seconds: number }[];
}

export const referenceLineKinds: ReferenceLineKind[] = [
  {
    title: 'Machining',
    classes: [
      'robot',
      'cnc_lathe',
      'cnc_lathe',
      'cnc_mill',
      'cnc_mill',
      'grinder',
      'pump',
      'robot',
      'conveyor',
      'conveyor',
      'packer',
    ],
    constraint: 3,
    products: [
      { code: 'SHAFT-25', title: 'Drive shaft 25 mm', ideal_cycle_seconds: 18 },
      { code: 'SHAFT-40', title: 'Drive shaft 40 mm', ideal_cycle_seconds: 24 },
      { code: 'HUB-110', title: 'Wheel hub 110 mm', ideal_cycle_seconds: 30 },
      { code: 'FLANGE-80', title: 'Flange 80 mm', ideal_cycle_seconds: 21 },
    ],
  },
  {
    title: 'Press shop',
    classes: [
      'conveyor',
      'press',
      'press',
      'robot',
      'robot',
      'oven',
      'compressor',
      'conveyor',
      'grinder',
      'conveyor',
      'packer',
    ],
    constraint: 1,
    products: [
      { code: 'BRACKET-12', title: 'Bracket 12', ideal_cycle_seconds: 5 },
      { code: 'BRACKET-18', title: 'Bracket 18', ideal_cycle_seconds: 6 },
      { code: 'COVER-300', title: 'Cover 300 mm', ideal_cycle_seconds: 8 },
      { code: 'PANEL-600', title: 'Panel 600 mm', ideal_cycle_seconds: 11 },
    ],
  },
  {
    title: 'Moulding',
    classes: [
      'mixer',
      'injection_moulder',
      'injection_moulder',
      'robot',
      'conveyor',
      'pump',
      'grinder',
      'conveyor',
      'robot',
      'packer',
      'compressor',
    ],
    constraint: 1,
    products: [
      { code: 'HOUSING-A', title: 'Housing A', ideal_cycle_seconds: 22 },
      { code: 'HOUSING-B', title: 'Housing B', ideal_cycle_seconds: 26 },
      { code: 'CAP-32', title: 'Cap 32 mm', ideal_cycle_seconds: 9 },
      { code: 'GEAR-24', title: 'Gear, 24 teeth', ideal_cycle_seconds: 14 },
    ],
  },
  {
    title: 'Filling',
    classes: [
      'mixer',
      'mixer',
      'pump',
      'filler',
      'filler',
      'conveyor',
      'conveyor',
      'packer',
      'packer',
      'robot',
      'compressor',
    ],
    constraint: 3,
    products: [
      { code: 'OIL-1L', title: 'Gear oil 1 L', ideal_cycle_seconds: 2 },
      { code: 'OIL-5L', title: 'Gear oil 5 L', ideal_cycle_seconds: 4.5 },
      { code: 'COOLANT-1L', title: 'Coolant 1 L', ideal_cycle_seconds: 2.2 },
      { code: 'GREASE-400G', title: 'Grease cartridge 400 g', ideal_cycle_seconds: 3 },
    ],
  },
  {
    title: 'Assembly',
    classes: [
      'conveyor',
      'robot',
      'robot',
      'press',
      'robot',
      'robot',
      'oven',
      'conveyor',
      'compressor',
      'packer',
      'packer',
    ],
    constraint: 4,
    products: [
      { code: 'GEARBOX-2', title: 'Gearbox, two-stage', ideal_cycle_seconds: 55 },
      { code: 'GEARBOX-3', title: 'Gearbox, three-stage', ideal_cycle_seconds: 70 },
      { code: 'ACTUATOR-S', title: 'Actuator, small', ideal_cycle_seconds: 28 },
      { code: 'ACTUATOR-L', title: 'Actuator, large', ideal_cycle_seconds: 36 },
    ],
  },
];

export const referencePeople: NonNullable<PlantInput['employees']> = [
  { email: 'k.brandt@millrace.local', name: 'Katja Brandt', role: 'planner', site: 'berlin' },
  { email: 'o.yilmaz@millrace.local', name: 'Okan Yılmaz', role: 'technician', site: 'berlin' },
  { email: 'l.weiss@millrace.local', name: 'Lena Weiß', role: 'supervisor', site: 'berlin' },
  { email: 'd.rivera@millrace.local', name: 'Daniel Rivera', role: 'planner', site: 'newyork' },
  { email: 's.cole@millrace.local', name: 'Shanice Cole', role: 'technician', site: 'newyork' },
  { email: 'p.obrien@millrace.local', name: "Patrick O'Brien", role: 'supervisor', site: 'newyork' },
  { email: 'a.kulkarni@millrace.local', name: 'Asha Kulkarni', role: 'planner', site: 'pune' },
  { email: 'r.deshmukh@millrace.local', name: 'Rohan Deshmukh', role: 'technician', site: 'pune' },
  { email: 'v.joshi@millrace.local', name: 'Vidya Joshi', role: 'supervisor', site: 'pune' },
];

/** Early, late and night shift of eight hours with a short and a long break each; the first starts at `start` minutes of the day. */
function threeShifts(start: number): ReferenceSite['shifts'] {
  return ['Early', 'Late', 'Night'].map((name, index) => {
    const begins = start + index * 480;
    return {
      name,
      start: clockTime(begins),
      end: clockTime(begins + 480),
      breaks: [
        { start: clockTime(begins + 180), end: clockTime(begins + 195) },
        { start: clockTime(begins + 330), end: clockTime(begins + 360) },
      ],
    };
  });
}

function clockTime(minutes: number): string {
  const ofDay = minutes % 1440;
  return `${String(Math.floor(ofDay / 60)).padStart(2, '0')}:${String(ofDay % 60).padStart(2, '0')}`;
}
