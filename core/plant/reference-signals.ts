import { hallTemperature, type MachineClass } from './machine-class.ts';
import type { PlantInput } from './plant-document.ts';

type SignalInput = NonNullable<
  NonNullable<NonNullable<PlantInput['sites'][number]['lines']>[number]['machines']>[number]['signals']
>[number];
type SourceInput = NonNullable<SignalInput['sources']>[number];
type Limits = [lowLow: number | null, low: number | null, high: number | null, highHigh: number | null];

interface MachineSignals {
  machineClass: MachineClass;
  withEighth: boolean;
  /** Nominal line-to-line voltage of the site, V. */
  voltage: number;
  counterRollover: number | null;
  source: (signal: string) => SourceInput;
}

/**
 * The signals of one machine of the reference plant. The limits leave room for what a healthy machine does (hall
 * temperature, individual differences of 4 %, noise of up to 3.5 standard deviations), which a test holds the
 * simulated physics to. Current, torque, speed and flow have no low limits, because a machine that stands still
 * between orders is no alarm.
 */
export function referenceSignals({
  machineClass,
  withEighth,
  voltage,
  counterRollover,
  source,
}: MachineSignals): SignalInput[] {
  const of = machineClass;
  const hottest = hallTemperature.mean + hallTemperature.swing;
  const signals = [
    measurement(
      'temperature',
      'Cel',
      [-20, 200],
      [null, null, hottest + of.temperature_rise * 1.2 + 3, hottest + of.temperature_rise * 1.5 + 8],
      1,
    ),
    measurement('vibration', 'mm/s', [0, 50], [null, null, of.vibration * 2, of.vibration * 3.5], of.vibration * 0.1),
    measurement(
      'pressure',
      'bar',
      [0, of.pressure * 2],
      [of.pressure * 0.65, of.pressure * 0.78, of.pressure * 1.15, of.pressure * 1.25],
      of.pressure * 0.01,
    ),
    measurement(
      'current',
      'A',
      [0, of.current * 4],
      [null, null, of.current * 1.2, of.current * 1.4],
      of.current * 0.02,
    ),
    measurement(
      'voltage',
      'V',
      [0, voltage * 1.5],
      [voltage * 0.88, voltage * 0.93, voltage * 1.07, voltage * 1.12],
      voltage * 0.005,
    ),
    measurement('speed', '/min', [0, of.speed * 1.5], [null, null, of.speed * 1.1, of.speed * 1.2], of.speed * 0.01),
    measurement('torque', 'N.m', [0, of.torque * 3], [null, null, of.torque * 1.2, of.torque * 1.4], of.torque * 0.02),
  ];
  if (withEighth) signals.push(eighth(of));
  signals.push(
    { name: 'state', kind: 'state', expected_interval_seconds: 10 },
    {
      name: 'good',
      kind: 'counter',
      quantity: 'good',
      unit: '1',
      expected_interval_seconds: 5,
      counter_rollover: counterRollover,
    },
    {
      name: 'reject',
      kind: 'counter',
      quantity: 'reject',
      unit: '1',
      expected_interval_seconds: 5,
      counter_rollover: counterRollover,
    },
    { name: 'fault', kind: 'fault', expected_interval_seconds: 60 },
    { name: 'order', kind: 'order', expected_interval_seconds: 60 },
  );
  return signals.map((signal) => ({ ...signal, sources: [source(signal.name)] }));
}

function eighth({ eighth: quantity, eighth_value: value }: MachineClass): SignalInput {
  switch (quantity) {
    case 'power':
      return measurement('power', 'kW', [0, value * 3], [null, null, value * 1.2, value * 1.4], value * 0.02);
    case 'flow':
      return measurement('flow', 'L/min', [0, value * 2], [null, null, value * 1.15, value * 1.3], value * 0.02);
    case 'level':
      return measurement('level', '%', [0, 100], [value - 35, value - 25, value + 22, value + 30], 1);
    case 'humidity':
      return measurement('humidity', '%', [0, 100], [null, null, value + 18, value + 28], 1);
    case 'acoustic':
      return measurement('acoustic', 'dB', [0, 140], [null, null, value + 8, value + 14], 1);
  }
}

function measurement(
  name: string,
  unit: string,
  range: [number, number],
  limits: Limits,
  deadband: number,
): SignalInput {
  const [lowLow, low, high, highHigh] = limits.map((limit) => (limit === null ? null : round(limit)));
  return {
    name,
    kind: 'measurement',
    unit,
    expected_interval_seconds: 1,
    range_low: round(range[0]),
    range_high: round(range[1]),
    limit_low_low: lowLow ?? null,
    limit_low: low ?? null,
    limit_high: high ?? null,
    limit_high_high: highHigh ?? null,
    deadband: round(deadband),
    // Short peaks are no reason to wake anyone: the condition must hold for five seconds.
    on_delay_seconds: 5,
    off_delay_seconds: 10,
  };
}

/** Three significant digits after the point are finer than any of these sensors. */
function round(value: number): number {
  return Math.round(value * 1000) / 1000;
}
