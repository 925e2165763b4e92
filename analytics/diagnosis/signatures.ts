/** Failure modes that can be told apart from the signals of the plant (ISO 14224 in plain words). */
export const failureModes = ['bearing', 'overheating', 'tool_wear', 'electrical'] as const;
export type FailureMode = (typeof failureModes)[number];

/** How one signal of a machine behaves at the time of the diagnosis. */
export interface Symptom {
  quantity: string;
  /** Signed distance from the sensor's own baseline in usual spreads; a limit alarm without a score counts as ±12. */
  deviation: number;
  /** When it became abnormal (ms since the epoch), null while it is not. */
  since_ms: number | null;
}

export interface Diagnosis {
  failure_mode: FailureMode | 'unknown';
  confidence: number;
  /** Every mode's score, for the evidence. */
  scores: Record<FailureMode, number>;
}

/**
 * What speaks for and against each mode, per quantity: `up`, `down` weigh a deviation in that direction. The signatures
 * are those of published run-to-failure data (CWRU, IMS, UCI hydraulic, AI4I, UMich CNC, line-fault classData):
 * - bearing: vibration 2 to 10 times up, structure-borne sound with it; heat only in the last part of life; voltage and
 *   torque as ever;
 * - overheating: temperature up with flat vibration; flow, later speed, down;
 * - tool wear: torque (with it current and power) up at the same recipe; vibration only slowly; rejects;
 * - electrical: voltage off its value in either direction, current and its unrest up; vibration flat, heat afterwards.
 */
const signatures: Record<FailureMode, Record<string, { up?: number; down?: number }>> = {
  bearing: {
    vibration: { up: 1 },
    acoustic: { up: 0.4 },
    temperature: { up: 0.15 },
    voltage: { up: -0.4, down: -0.4 },
    torque: { up: -0.3 },
  },
  overheating: {
    temperature: { up: 1 },
    flow: { down: 0.3 },
    speed: { down: 0.15 },
    vibration: { up: -0.5 },
    voltage: { up: -0.4, down: -0.4 },
    torque: { up: -0.3 },
  },
  tool_wear: {
    torque: { up: 1 },
    current: { up: 0.2 },
    power: { up: 0.2 },
    vibration: { up: 0.1 },
    voltage: { up: -0.4, down: -0.4 },
  },
  electrical: {
    voltage: { up: 0.8, down: 0.9 },
    current: { up: 0.4, down: 0.3 },
    temperature: { up: 0.1 },
    vibration: { up: -0.4 },
    torque: { up: -0.3 },
  },
};

/** A deviation of this many spreads is full evidence. */
const fullDeviation = 16;
/** Below this nothing is abnormal enough to speak. */
const leastDeviation = 4;
/** The mode whose leading symptom came first gets this much more: vibration before heat is a bearing, not a fan. */
const firstBonus = 0.25;
const clearLeadMs = 10_000;
const leastScore = 0.3;
const leastMargin = 0.12;

export const leadingQuantity: Record<FailureMode, string> = {
  bearing: 'vibration',
  overheating: 'temperature',
  tool_wear: 'torque',
  electrical: 'voltage',
};

/**
 * The failure mode that the symptoms speak for: the highest sum of weights × clipped deviations, with a bonus for the
 * mode whose leading symptom came first. `unknown` when nothing speaks clearly or two modes are too close.
 */
export function diagnose(symptoms: readonly Symptom[]): Diagnosis {
  const [earliest, next] = symptoms
    .filter((symptom) => symptom.since_ms !== null && Object.values(leadingQuantity).includes(symptom.quantity))
    .toSorted((a, b) => (a.since_ms ?? 0) - (b.since_ms ?? 0));
  const first =
    (next?.since_ms ?? Number.POSITIVE_INFINITY) - (earliest?.since_ms ?? 0) >= clearLeadMs ? earliest : undefined;
  const scores = Object.fromEntries(
    failureModes.map((mode) => {
      let score = 0;
      for (const { quantity, deviation } of symptoms)
        score += weightOf(mode, quantity, deviation) * strength(deviation);
      if (first?.quantity === leadingQuantity[mode] && score > 0) score += firstBonus;
      return [mode, score];
    }),
  ) as Record<FailureMode, number>;
  const [best = 'bearing', second = 'bearing'] = failureModes.toSorted((a, b) => scores[b] - scores[a]);
  const margin = scores[best] - scores[second];
  if (scores[best] < leastScore || margin < leastMargin) {
    return { failure_mode: 'unknown', confidence: Math.min(0.4, Math.max(0.1, scores[best] / 2)), scores };
  }
  return {
    failure_mode: best,
    confidence: Math.min(0.95, 0.5 * Math.min(1, scores[best]) + 0.5 * Math.min(1, margin)),
    scores,
  };
}

/** Whether an alarm on this quantity is a consequence that a known fault of this mode explains. */
export function explains(mode: string, quantity: string, deviation: number): boolean {
  return isFailureMode(mode) && weightOf(mode, quantity, deviation) > 0;
}

export function isFailureMode(mode: string): mode is FailureMode {
  return failureModes.some((known) => known === mode);
}

function weightOf(mode: FailureMode, quantity: string, deviation: number): number {
  const weights = signatures[mode][quantity];
  return (deviation >= 0 ? weights?.up : weights?.down) ?? 0;
}

function strength(deviation: number): number {
  const size = Math.abs(deviation);
  return size < leastDeviation ? 0 : Math.min(1, size / fullDeviation);
}
