import { z } from 'zod';
import {
  flagInput,
  id,
  idInput,
  machinePlace,
  pageOf,
  pageQuery,
  priority,
  priorityInput,
  timestamp,
  timestampInput,
} from './common.ts';

export const alarmKind = z.enum([
  'limit_low_low',
  'limit_low',
  'limit_high',
  'limit_high_high',
  'anomaly',
  'fault_code',
  'stale',
  'ledger',
  'rollup',
  'gateway',
]);
/** ISA-18.2 states by their plain names. */
export const alarmState = z.enum([
  'unacknowledged',
  'acknowledged',
  'returned_unacknowledged',
  'normal',
  'shelved',
  'suppressed',
  'out_of_service',
]);
export type AlarmKind = z.output<typeof alarmKind>;
export type AlarmState = z.output<typeof alarmState>;

export const alarm = machinePlace.extend({
  alarm_id: id,
  signal_id: id.nullable(),
  signal_name: z.string().nullable(),
  unit: z.string().nullable(),
  kind: alarmKind,
  priority,
  state: alarmState,
  /** The condition still holds. */
  active: z.boolean(),
  raised_at: timestamp,
  detected_at: timestamp,
  returned_at: timestamp.nullable(),
  acknowledged_at: timestamp.nullable(),
  acknowledged_by: z.string().nullable(),
  note: z.string().nullable(),
  shelved_until: timestamp.nullable(),
  /** Who shelved it, while it is shelved. */
  shelved_by: z.string().nullable(),
  limit_value: z.number().nullable(),
  value: z.number().nullable(),
  peak_value: z.number().nullable(),
  /** How often it was raised in the 24 hours up to this time, which is counted; of fault codes those with the same code. */
  occurrences: z.int(),
  message: z.string(),
});
export type Alarm = z.output<typeof alarm>;
export const alarmPage = pageOf(alarm);
export type AlarmPage = z.output<typeof alarmPage>;

export const alarmsQuery = pageQuery.extend({
  site: idInput.optional(),
  line: idInput.optional(),
  machine: idInput.optional(),
  signal: idInput.optional(),
  state: alarmState.optional(),
  kind: alarmKind.optional(),
  priority: priorityInput.optional(),
  /** true: those that need a person (active, or returned and not acknowledged); false: the rest. */
  open: flagInput.optional(),
  from: timestampInput.optional(),
  to: timestampInput.optional(),
});
export type AlarmsQuery = z.input<typeof alarmsQuery>;

export const acknowledgeBody = z.object({ note: z.string().max(2000).default('') });
export type AcknowledgeBody = z.input<typeof acknowledgeBody>;
/** Shelving is limited in time (at most 7 days) and logged. */
export const shelveBody = z.object({ until: timestampInput, reason: z.string().min(3).max(2000) });
export type ShelveBody = z.input<typeof shelveBody>;

/** Alarms that need a person: active, or returned and not acknowledged yet. */
export const alarmCounts = z.object({
  open: z.int(),
  unacknowledged: z.int(),
  /** Open by priority 1..4. */
  by_priority: z.tuple([z.int(), z.int(), z.int(), z.int()]),
});
export type AlarmCounts = z.output<typeof alarmCounts>;
