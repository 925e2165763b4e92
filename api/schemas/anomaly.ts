import { z } from 'zod';
import { flagInput, id, idInput, machinePlace, pageOf, pageQuery, timestamp, timestampInput } from './common.ts';

/** A stretch of unusual behaviour of one sensor; the score runs from 0 (nothing unusual) to 1 (never seen before). */
export const anomaly = machinePlace.extend({
  anomaly_id: id,
  signal_id: id,
  signal_name: z.string(),
  unit: z.string(),
  started_at: timestamp,
  ended_at: timestamp.nullable(),
  peak_score: z.number(),
  value: z.number().nullable(),
  expected_value: z.number().nullable(),
  detector: z.string(),
});
export type Anomaly = z.output<typeof anomaly>;
export const anomalyPage = pageOf(anomaly);
export type AnomalyPage = z.output<typeof anomalyPage>;

export const anomaliesQuery = pageQuery.extend({
  site: idInput.optional(),
  line: idInput.optional(),
  machine: idInput.optional(),
  signal: idInput.optional(),
  open: flagInput.optional(),
  from: timestampInput.optional(),
  to: timestampInput.optional(),
});
export type AnomaliesQuery = z.input<typeof anomaliesQuery>;
