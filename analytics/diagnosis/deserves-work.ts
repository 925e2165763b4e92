import { certainKinds, type MachineAlarm, type Sensor } from './read-symptoms.ts';
import { type Diagnosis, explains, leadingQuantity } from './signatures.ts';

/** An inner limit makes work together with a diagnosis of this confidence. */
const limitConfidence = 0.5;
/** Anomalies alone need more: a clear diagnosis, two sensors that bear it out, the leading one first, for ten minutes. */
const anomalyConfidence = 0.6;
const corroboratingSensors = 2;
const corroboratingDeviation = 8;
const persistMs = 10 * 60_000;
/** Symptoms that begin within this time of each other began together. */
const togetherMs = 60_000;

/**
 * Whether unexplained alarms are a reason for a fault, and with it for a work order (docs/decisions/work-orders.md).
 * What is only unusual stays an advisory alarm: on the reference plant it had made 51 orders of unknown failures.
 */
export function deservesWork(free: readonly MachineAlarm[], diagnosis: Diagnosis, sensors: readonly Sensor[]): boolean {
  const { failure_mode: mode, confidence } = diagnosis;
  if (free.some((alarm) => certainKinds.includes(alarm.kind))) return true;
  if (mode === 'unknown') return false;
  const limited = free.some(
    ({ kind, quantity }) =>
      kind.startsWith('limit_') && explains(mode, quantity ?? '', kind.startsWith('limit_high') ? 1 : -1),
  );
  if (limited) return confidence >= limitConfidence;

  const witnesses = sensors.filter(
    (sensor) =>
      sensor.since_ms !== null &&
      Math.abs(sensor.deviation) >= corroboratingDeviation &&
      explains(mode, sensor.quantity, sensor.deviation),
  );
  const leading = witnesses.find((sensor) => sensor.quantity === leadingQuantity[mode]);
  if (leading?.since_ms == null || confidence < anomalyConfidence || witnesses.length < corroboratingSensors)
    return false;
  const earliestMs = Math.min(...witnesses.map((sensor) => sensor.since_ms ?? Infinity));
  // Judged by the machine's own time, so that readings that come late or fast are judged alike.
  return leading.since_ms - earliestMs <= togetherMs && (leading.scored_ms ?? 0) - leading.since_ms >= persistMs;
}
