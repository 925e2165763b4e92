/**
 * The kinds of machine of the reference plant with what their sensors show at full load. The reference plant derives
 * ranges and limits from these figures, and the simulated physics moves within them, so that a healthy machine never
 * alarms. Orders of magnitude are those of mid-sized industrial drives; vibration follows ISO 10816-1 class II
 * (zone A/B up to 2.8 mm/s, C/D from 7.1 mm/s).
 */
export interface MachineClass {
  name: string;
  title: string;
  manufacturer: string;
  /** Temperature rise above the hall at steady full load, in kelvin, and how fast it gets there. */
  temperature_rise: number;
  temperature_seconds: number;
  /** RMS velocity at full speed when new, mm/s. */
  vibration: number;
  /** Supply or process pressure, bar. */
  pressure: number;
  /** Phase current at full load, A. */
  current: number;
  /** Shaft speed, 1/min, and torque at full load, N.m. */
  speed: number;
  torque: number;
  /** The eighth sensor, where a machine has one. */
  eighth: EighthQuantity;
  /** Its value at full load (flow in L/min, power in kW, level and humidity in %, acoustic in dB). */
  eighth_value: number;
}

export const eighthQuantities = ['power', 'flow', 'level', 'humidity', 'acoustic'] as const;
export type EighthQuantity = (typeof eighthQuantities)[number];

const classes: MachineClass[] = [
  {
    name: 'cnc_mill',
    title: 'CNC mill',
    manufacturer: 'Hartmann',
    temperature_rise: 34,
    temperature_seconds: 900,
    vibration: 1.6,
    pressure: 6,
    current: 32,
    speed: 8000,
    torque: 22,
    eighth: 'power',
    eighth_value: 18,
  },
  {
    name: 'cnc_lathe',
    title: 'CNC lathe',
    manufacturer: 'Hartmann',
    temperature_rise: 31,
    temperature_seconds: 800,
    vibration: 1.4,
    pressure: 6,
    current: 28,
    speed: 3500,
    torque: 42,
    eighth: 'power',
    eighth_value: 15.5,
  },
  {
    name: 'press',
    title: 'Press',
    manufacturer: 'Okabe',
    temperature_rise: 26,
    temperature_seconds: 1500,
    vibration: 2.1,
    pressure: 180,
    current: 64,
    speed: 1480,
    torque: 220,
    eighth: 'acoustic',
    eighth_value: 82,
  },
  {
    name: 'grinder',
    title: 'Grinder',
    manufacturer: 'Hartmann',
    temperature_rise: 29,
    temperature_seconds: 700,
    vibration: 1.8,
    pressure: 6,
    current: 22,
    speed: 2900,
    torque: 39,
    eighth: 'acoustic',
    eighth_value: 78,
  },
  {
    name: 'robot',
    title: 'Handling robot',
    manufacturer: 'Nordarm',
    temperature_rise: 24,
    temperature_seconds: 1200,
    vibration: 0.9,
    pressure: 6.2,
    current: 12,
    speed: 2400,
    torque: 26,
    eighth: 'power',
    eighth_value: 6.5,
  },
  {
    name: 'conveyor',
    title: 'Conveyor',
    manufacturer: 'Bandwerk',
    temperature_rise: 19,
    temperature_seconds: 1000,
    vibration: 1.1,
    pressure: 5.8,
    current: 7.5,
    speed: 1420,
    torque: 26,
    eighth: 'acoustic',
    eighth_value: 70,
  },
  {
    name: 'pump',
    title: 'Coolant pump',
    manufacturer: 'Delasol',
    temperature_rise: 27,
    temperature_seconds: 600,
    vibration: 1.5,
    pressure: 8.5,
    current: 16,
    speed: 2950,
    torque: 27,
    eighth: 'flow',
    eighth_value: 240,
  },
  {
    name: 'compressor',
    title: 'Compressor',
    manufacturer: 'Delasol',
    temperature_rise: 42,
    temperature_seconds: 1100,
    vibration: 1.9,
    pressure: 9.5,
    current: 58,
    speed: 2960,
    torque: 100,
    eighth: 'flow',
    eighth_value: 5200,
  },
  {
    name: 'oven',
    title: 'Drying oven',
    manufacturer: 'Calorix',
    temperature_rise: 46,
    temperature_seconds: 1800,
    vibration: 1.0,
    pressure: 1.2,
    current: 74,
    speed: 1450,
    torque: 61,
    eighth: 'humidity',
    eighth_value: 38,
  },
  {
    name: 'mixer',
    title: 'Mixer',
    manufacturer: 'Turbomix',
    temperature_rise: 25,
    temperature_seconds: 1300,
    vibration: 1.7,
    pressure: 2.4,
    current: 41,
    speed: 960,
    torque: 215,
    eighth: 'level',
    eighth_value: 62,
  },
  {
    name: 'filler',
    title: 'Filler',
    manufacturer: 'Quellpack',
    temperature_rise: 18,
    temperature_seconds: 900,
    vibration: 1.0,
    pressure: 3.5,
    current: 9,
    speed: 1200,
    torque: 38,
    eighth: 'level',
    eighth_value: 66,
  },
  {
    name: 'packer',
    title: 'Packer',
    manufacturer: 'Quellpack',
    temperature_rise: 20,
    temperature_seconds: 850,
    vibration: 1.2,
    pressure: 6.1,
    current: 10.5,
    speed: 1650,
    torque: 33,
    eighth: 'power',
    eighth_value: 5.6,
  },
  {
    name: 'injection_moulder',
    title: 'Injection moulder',
    manufacturer: 'Plastomat',
    temperature_rise: 38,
    temperature_seconds: 1600,
    vibration: 1.5,
    pressure: 140,
    current: 88,
    speed: 1780,
    torque: 250,
    eighth: 'flow',
    eighth_value: 96,
  },
];

export const machineClasses: ReadonlyMap<string, MachineClass> = new Map(classes.map((each) => [each.name, each]));

/** The hall's temperature over the day and the seasons stays within these, in °C. */
export const hallTemperature = { mean: 22, swing: 4 } as const;
