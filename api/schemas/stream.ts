import { z } from 'zod';
import { alarm, alarmCounts } from './alarm.ts';
import { id, idInput } from './common.ts';
import { fault } from './fault.ts';
import { machineStateName } from './machine.ts';
import { liveOee } from './oee.ts';
import { workOrder, workOrderCounts } from './work-order.ts';

/**
 * Server-sent events of `GET /api/v1/stream`. The first event is `snapshot`; then only changes, at most five a second,
 * each newest-wins. A client that reads too slowly misses ticks, never the newest value: what it missed comes with the
 * next tick it can take, as a fresh `snapshot`. `heartbeat` comes every 10 s also when nothing happens: staleness is
 * judged against its server time.
 */
export const streamTopics = ['values', 'states', 'oee', 'alarms', 'work_orders'] as const;
export type StreamTopic = (typeof streamTopics)[number];

export const streamQuery = z.object({
  machine: idInput.optional(),
  line: idInput.optional(),
  /** Comma-separated; default all. `values` of the whole plant is 1,781 signals: pages that show none should leave it out. */
  topics: z
    .string()
    .max(100)
    .regex(
      /^(values|states|oee|alarms|work_orders)(,(values|states|oee|alarms|work_orders))*$/,
      streamTopics.join(', '),
    )
    .optional(),
});
export type StreamQuery = z.input<typeof streamQuery>;

/** Columns of equal length. `value` is null for a reading without one. `time_ms` is source time; `quality` 0, 64, 192, 500. */
export const valuesEvent = z.object({
  signal_id: z.array(id),
  value: z.array(z.number().nullable()),
  time_ms: z.array(z.number()),
  quality: z.array(z.int()),
});
export type ValuesEvent = z.output<typeof valuesEvent>;

export const statesEvent = z.object({
  machine_id: z.array(id),
  state: z.array(machineStateName),
  since_ms: z.array(z.number()),
  fault_code: z.array(z.int().nullable()),
});
export type StatesEvent = z.output<typeof statesEvent>;

export const oeeEvent = liveOee;
export type OeeEvent = z.output<typeof oeeEvent>;

/** Only true: more has changed than is listed, anywhere in the plant. Who lists them asks for the list again. */
const more = z.boolean().optional();
/** `items` are the alarms (and `faults` the faults) that changed since the last event, newest state; in a snapshot they are empty. */
export const alarmsEvent = z.object({ counts: alarmCounts, items: z.array(alarm), faults: z.array(fault), more });
export type AlarmsEvent = z.output<typeof alarmsEvent>;

export const workOrdersEvent = z.object({ counts: workOrderCounts, items: z.array(workOrder), more });
export type WorkOrdersEvent = z.output<typeof workOrdersEvent>;

/**
 * How long ago the newest readings were stored that states, OEE and alarms are made of; null when none ever were. Beyond
 * a minute nobody knows what the machines do: analytics is away, or nothing is stored.
 */
const known_age_ms = z.number().nullable();

/** Topics that were not asked for are absent. */
export const snapshotEvent = z.object({
  server_time_ms: z.number(),
  known_age_ms,
  values: valuesEvent.optional(),
  states: statesEvent.optional(),
  oee: oeeEvent.optional(),
  alarms: alarmsEvent.optional(),
  work_orders: workOrdersEvent.optional(),
});
export type SnapshotEvent = z.output<typeof snapshotEvent>;

/** `feed_age_ms`: how long ago the database last stored a batch; null when none was seen. */
export const heartbeatEvent = z.object({
  server_time_ms: z.number(),
  feed_age_ms: z.number().nullable(),
  known_age_ms,
});
export type HeartbeatEvent = z.output<typeof heartbeatEvent>;

/** Event name → data, for a client's type map. */
export interface StreamEvents {
  snapshot: SnapshotEvent;
  values: ValuesEvent;
  states: StatesEvent;
  oee: OeeEvent;
  alarms: AlarmsEvent;
  work_orders: WorkOrdersEvent;
  heartbeat: HeartbeatEvent;
}
