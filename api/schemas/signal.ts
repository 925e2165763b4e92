import { z } from 'zod';
import { flagInput, id, idInput, machinePlace, pageOf, pageQuery, qualityName, timestamp } from './common.ts';

export const signalKind = z.enum(['measurement', 'state', 'counter', 'fault', 'order']);
export type SignalKind = z.output<typeof signalKind>;

/** The newest reading. `text` stands beside `value` for signals that speak text (orders, products). */
export const latestValue = z.object({
  time: timestamp,
  value: z.number().nullable(),
  text: z.string().nullable(),
  quality: qualityName,
  received_at: timestamp,
});
export type LatestValue = z.output<typeof latestValue>;

/** Alarm limits and plausible range in the signal's unit; null where none is set. */
const limits = z.object({
  range_low: z.number().nullable(),
  range_high: z.number().nullable(),
  limit_low_low: z.number().nullable(),
  limit_low: z.number().nullable(),
  limit_high: z.number().nullable(),
  limit_high_high: z.number().nullable(),
  deadband: z.number(),
  on_delay_seconds: z.number(),
  off_delay_seconds: z.number(),
});

/** A signal as a machine page needs it; the anomaly score is null while the detector warms up or for other kinds. */
export const machineSignal = limits.extend({
  signal_id: id,
  name: z.string(),
  kind: signalKind,
  quantity: z.string(),
  unit: z.string(),
  expected_interval_seconds: z.number(),
  latest: latestValue.nullable(),
  anomaly_score: z.number().nullable(),
  anomaly_time: timestamp.nullable(),
  /** The sensor's own baseline under the running product, and how far it is off, in usual spreads with a sign. */
  anomaly_expected_value: z.number().nullable(),
  anomaly_deviation: z.number().nullable(),
});
export type MachineSignal = z.output<typeof machineSignal>;

export const signal = machineSignal.extend(machinePlace.shape);
export type Signal = z.output<typeof signal>;
export const signalPage = pageOf(signal);
export type SignalPage = z.output<typeof signalPage>;

export const signalDetail = signal.extend({
  counter_rollover: z.number().nullable(),
  sources: z.array(
    z.object({ protocol: z.enum(['mqtt', 'sparkplug', 'opcua']), server: z.string(), address: z.string() }),
  ),
});
export type SignalDetail = z.output<typeof signalDetail>;

export const signalsQuery = pageQuery.extend({
  kind: signalKind.optional(),
  site: idInput.optional(),
  line: idInput.optional(),
  machine: idInput.optional(),
  quantity: z.string().max(100).optional(),
  /** Only signals that never spoke (`never=true`). */
  never: flagInput.optional(),
  /** Part of the signal's or machine's name. */
  q: z.string().max(100).optional(),
});
export type SignalsQuery = z.input<typeof signalsQuery>;
