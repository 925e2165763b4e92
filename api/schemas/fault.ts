import { z } from 'zod';
import {
  flagInput,
  id,
  idInput,
  machinePlace,
  pageOf,
  pageQuery,
  priority,
  timestamp,
  timestampInput,
} from './common.ts';

export const fault = machinePlace.extend({
  fault_id: id,
  /** bearing, overheating, tool_wear, electrical, unknown, or plc_<code>. */
  failure_mode: z.string(),
  started_at: timestamp,
  ended_at: timestamp.nullable(),
  detected_at: timestamp,
  confidence: z.number(),
  severity: priority,
  alarm_ids: z.array(id),
  work_order_id: id.nullable(),
  evidence: z.record(z.string(), z.unknown()),
});
export type Fault = z.output<typeof fault>;
export const faultPage = pageOf(fault);
export type FaultPage = z.output<typeof faultPage>;

export const faultsQuery = pageQuery.extend({
  site: idInput.optional(),
  line: idInput.optional(),
  machine: idInput.optional(),
  open: flagInput.optional(),
  failure_mode: z.string().max(100).optional(),
  from: timestampInput.optional(),
  to: timestampInput.optional(),
});
export type FaultsQuery = z.input<typeof faultsQuery>;
