/** The ways in which these machines fail, with the fault code that their controllers then show. */
export const failureModes = ['bearing', 'overheating', 'tool_wear', 'electrical'] as const;
export type FailureMode = (typeof failureModes)[number];

export const faultCodes: Readonly<Record<FailureMode, number>> = {
  bearing: 101,
  overheating: 201,
  tool_wear: 301,
  electrical: 401,
};

/** What a failure does to the machine's physics at one moment. Factors are 1 and additions 0 on a healthy machine. */
export interface FailureEffect {
  vibration: number;
  torque: number;
  current: number;
  voltage: number;
  speed: number;
  flow: number;
  /** Where the temperature is heading, in kelvin above healthy; the machine's time constant still applies. */
  heat: number;
  /** How much noisier the current is, and how many times as many items are rejected. */
  currentNoise: number;
  rejects: number;
}

export const noEffect: FailureEffect = {
  vibration: 1,
  torque: 1,
  current: 1,
  voltage: 1,
  speed: 1,
  flow: 1,
  heat: 0,
  currentNoise: 1,
  rejects: 1,
};

/**
 * The signature of a failure that has come `severity` of its way (0 healthy … 1 failed) on a machine whose temperature
 * rises by `temperatureRise` kelvin under full load. Signatures after published run-to-failure data:
 * bearing: vibration RMS grows 2-10 times, heat only in the last 15 % of life, current a little, voltage and speed not;
 * overheating: temperature up with flat vibration, flow and at last speed down;
 * tool wear: torque and current up at the same recipe, vibration slowly, rejects up;
 * electrical: voltage drop and unsteady, rising current first, heat after it, vibration flat.
 */
export function failureEffect(mode: FailureMode, severity: number, temperatureRise: number): FailureEffect {
  const lastPart = Math.max(0, (severity - 0.85) / 0.15);
  switch (mode) {
    case 'bearing':
      return {
        ...noEffect,
        vibration: 1 + 6 * severity ** 2.5,
        current: 1 + 0.04 * severity,
        heat: (temperatureRise * 0.6 + 12) * lastPart,
      };
    case 'overheating':
      return {
        ...noEffect,
        vibration: 1 + 0.15 * severity,
        heat: (temperatureRise * 0.9 + 15) * severity,
        speed: 1 - 0.08 * Math.max(0, (severity - 0.6) / 0.4),
        flow: 1 - 0.35 * severity,
      };
    case 'tool_wear':
      return {
        ...noEffect,
        torque: 1 + 0.8 * severity ** 1.3,
        vibration: 1 + 0.3 * severity,
        heat: temperatureRise * 0.1 * severity,
        rejects: 1 + 8 * severity,
      };
    case 'electrical':
      return {
        ...noEffect,
        voltage: 1 - 0.16 * severity ** 0.6,
        current: 1 + 0.9 * severity ** 2,
        currentNoise: 1 + 2 * severity,
        heat: (temperatureRise * 0.5 + 10) * severity ** 2,
        speed: 1 - 0.02 * severity,
      };
  }
}
