import { z } from 'zod';
import {
  flagInput,
  id,
  idInBody,
  idInput,
  machinePlace,
  pageOf,
  pageQuery,
  priority,
  priorityInput,
  timestamp,
  timestampInput,
} from './common.ts';

export const workOrderState = z.enum([
  'proposed',
  'approved',
  'scheduled',
  'in_progress',
  'on_hold',
  'work_done',
  'closed',
  'rejected',
  'cancelled',
  'merged',
]);
export type WorkOrderState = z.output<typeof workOrderState>;
export const workOrderOutcome = z.enum(['confirmed', 'false_alarm', 'sensor_fault', 'duplicate', 'deferred']);
export type WorkOrderOutcome = z.output<typeof workOrderOutcome>;
export const holdReason = z.enum(['parts', 'permit', 'plant_condition', 'labour', 'vendor']);
export type HoldReason = z.output<typeof holdReason>;
export const productionImpact = z.enum(['down', 'impacting', 'planned', 'none']);
export type ProductionImpact = z.output<typeof productionImpact>;

export const workOrder = machinePlace.extend({
  work_order_id: id,
  number: z.string(),
  failure_mode: z.string(),
  fault_id: id.nullable(),
  origin: z.enum(['fault', 'plan', 'person']),
  title: z.string(),
  state: workOrderState,
  hold_reason: z.string().nullable(),
  priority,
  production_impact: productionImpact,
  assigned_to: id.nullable(),
  assigned_name: z.string().nullable(),
  created_at: timestamp,
  due_at: timestamp.nullable(),
  overdue: z.boolean(),
  scheduled_at: timestamp.nullable(),
  started_at: timestamp.nullable(),
  done_at: timestamp.nullable(),
  closed_at: timestamp.nullable(),
  outcome: workOrderOutcome.nullable(),
  occurrences: z.int(),
  last_seen_at: timestamp,
  /** Whether the condition that raised it still holds; unknown while the sensor is silent. */
  condition: z.enum(['active', 'cleared', 'unknown']),
  repeat_of: id.nullable(),
});
export type WorkOrder = z.output<typeof workOrder>;
export const workOrderPage = pageOf(workOrder);
export type WorkOrderPage = z.output<typeof workOrderPage>;

/** Append-only history; `by` is null when the system acted. */
export const workOrderEvent = z.object({
  work_order_event_id: id,
  at: timestamp,
  by: z.string().nullable(),
  kind: z.string(),
  from_value: z.string().nullable(),
  to_value: z.string().nullable(),
  note: z.string(),
  evidence: z.record(z.string(), z.unknown()),
});
export type WorkOrderEvent = z.output<typeof workOrderEvent>;

/** `transitions` are the states into which the caller may move the order now; buttons are made from it. */
export const workOrderDetail = workOrder.extend({
  description: z.string(),
  evidence: z
    .record(z.string(), z.unknown())
    .describe('What was known when the order was made. The `times` of a trend are seconds since 1970-01-01T00:00:00Z.'),
  events: z.array(workOrderEvent),
  transitions: z.array(workOrderState),
});
export type WorkOrderDetail = z.output<typeof workOrderDetail>;

export const workOrdersQuery = pageQuery.extend({
  site: idInput.optional(),
  line: idInput.optional(),
  machine: idInput.optional(),
  state: workOrderState.optional(),
  priority: priorityInput.optional(),
  /** true: not closed, rejected, cancelled or merged. */
  open: flagInput.optional(),
  failure_mode: z.string().max(100).optional(),
  assigned_to: idInput.optional(),
  overdue: flagInput.optional(),
});
export type WorkOrdersQuery = z.input<typeof workOrdersQuery>;

export const createWorkOrderBody = z.object({
  machine_id: idInBody,
  title: z.string().min(3).max(200),
  description: z.string().max(10_000).default(''),
  failure_mode: z.string().min(1).max(100).default('reported'),
  priority: priority.default(3),
  production_impact: productionImpact.default('impacting'),
  due_at: timestampInput.optional(),
});
export type CreateWorkOrderBody = z.input<typeof createWorkOrderBody>;

/** `from` is the state the caller saw: when somebody changed the order meanwhile, the answer is 409, not an overwrite. */
export const transitionBody = z.object({
  from: workOrderState,
  to: workOrderState,
  /** Why; needed for rejected and cancelled. */
  note: z.string().max(5000).default(''),
  /** Needed for on_hold. */
  hold_reason: holdReason.optional(),
  /** Needed for work_done. */
  outcome: workOrderOutcome.optional(),
  /** Needed for scheduled: who and when. */
  assigned_to: idInBody.optional(),
  scheduled_at: timestampInput.optional(),
  /** Needed for merged: the open order it goes into. */
  merge_into: id.optional(),
});
export type TransitionBody = z.input<typeof transitionBody>;

export const workOrderCounts = z.object({
  open: z.int(),
  overdue: z.int(),
  /** Open by priority 1..4. */
  by_priority: z.tuple([z.int(), z.int(), z.int(), z.int()]),
});
export type WorkOrderCounts = z.output<typeof workOrderCounts>;
