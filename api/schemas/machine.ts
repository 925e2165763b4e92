import { z } from 'zod';
import { alarm } from './alarm.ts';
import { idInput, machinePlace, pageOf, pageQuery, timestamp } from './common.ts';
import { fault } from './fault.ts';
import { liveOeeRow, liveShift } from './oee.ts';
import { reliability } from './reliability.ts';
import { machineSignal } from './signal.ts';
import { workOrder } from './work-order.ts';

export const machineStateName = z.enum([
  'running',
  'idle',
  'starved',
  'held',
  'setup',
  'down',
  'planned_stop',
  'no_data',
]);
export type MachineStateName = z.output<typeof machineStateName>;

/** The open state interval. `packml_state` is PackTags StateCurrent 0..17. */
export const machineState = z.object({
  state: machineStateName,
  since: timestamp,
  /** Until when it is known; draw the state no further. Null while nothing was written about it. */
  known_to: timestamp.nullable(),
  packml_state: z.int().nullable(),
  fault_code: z.int().nullable(),
});
export type MachineState = z.output<typeof machineState>;

/** A machine in a list. `state` is null for a machine of which nothing was ever heard. */
export const machine = machinePlace.extend({
  machine_class: z.string(),
  criticality: z.enum(['A', 'B', 'C']),
  is_constraint: z.boolean(),
  position: z.int(),
  state: machineState.nullable(),
  open_alarms: z.int(),
  /** Of the open alarms; null without any. */
  highest_priority: z.int().nullable(),
  open_work_orders: z.int(),
});
export type Machine = z.output<typeof machine>;
export const machinePage = pageOf(machine);
export type MachinePage = z.output<typeof machinePage>;

export const machinesQuery = pageQuery.extend({
  site: idInput.optional(),
  line: idInput.optional(),
  state: machineStateName.optional(),
  q: z.string().max(100).optional(),
});
export type MachinesQuery = z.input<typeof machinesQuery>;

export const machineDetail = machine.extend({
  time_zone: z.string(),
  manufacturer: z.string().nullable(),
  model: z.string().nullable(),
  serial_number: z.string().nullable(),
  /** The product of the running order, if one is known. */
  product_code: z.string().nullable(),
  shift: liveShift.nullable(),
  /** Of the running shift. */
  oee: liveOeeRow.nullable(),
  signals: z.array(machineSignal),
  /** Open ones, newest first, at most 50. */
  alarms: z.array(alarm),
  faults: z.array(fault),
  work_orders: z.array(workOrder),
  reliability: z.array(reliability),
});
export type MachineDetail = z.output<typeof machineDetail>;
