import type { Connection } from '../../core/database.ts';
import { readAlarms } from '../queries/alarms.ts';
import { readFaults } from '../queries/faults.ts';
import { readLiveSignals } from '../queries/live-values.ts';
import { readLiveOee } from '../queries/oee-live.ts';
import { readOpenAlarmCounts, readOpenOrderCounts, type OpenCount } from '../queries/open-counts.ts';
import { readOpenStates, type OpenState } from '../queries/open-states.ts';
import { readWorkOrders } from '../queries/work-orders.ts';
import type { Alarm } from '../schemas/alarm.ts';
import type { Fault } from '../schemas/fault.ts';
import type { LiveOee } from '../schemas/oee.ts';
import type { WorkOrder } from '../schemas/work-order.ts';
import { createLatestValues, type LatestValues } from './latest-values.ts';

/** What one organization's pages show, in memory, and what of it changed in this tick. */
export interface PlantView {
  values: LatestValues;
  lineOf: ReadonlyMap<number, number>;
  siteOf: ReadonlyMap<number, number>;
  states: Map<number, OpenState>;
  oee: LiveOee | null;
  alarmCounts: OpenCount[];
  orderCounts: OpenCount[];
  changed: Changes;
}

interface Changes {
  states: OpenState[];
  oee: boolean;
  /** Null: neither items nor counts changed. */
  alarms: Alarm[] | null;
  faults: Fault[];
  orders: WorkOrder[] | null;
}

/** Rows that NOTIFY said have changed, by table. */
export interface ChangedRows {
  alarm: Set<number>;
  fault: Set<number>;
  work_order: Set<number>;
}

/** Of more changed rows than this in one tick only the newest are sent, and the event says that there are more. */
export const mostItems = 200;

export const noChanges = (): Changes => ({ states: [], oee: false, alarms: null, faults: [], orders: null });

/** Reads everything anew. Take the feed's cursor before, so that no reading falls between the two. */
export async function loadPlantView(connection: Connection, nowMs: number): Promise<PlantView> {
  const signals = await readLiveSignals(connection);
  const states = await readOpenStates(connection);
  return {
    values: createLatestValues(signals),
    lineOf: new Map(signals.map((signal) => [signal.machine_id, signal.line_id])),
    siteOf: new Map(signals.map((signal) => [signal.line_id, signal.site_id])),
    states: new Map(states.map((state) => [state.machine_id, state])),
    oee: await readLiveOee(connection, nowMs),
    alarmCounts: await readOpenAlarmCounts(connection),
    orderCounts: await readOpenOrderCounts(connection, nowMs),
    changed: noChanges(),
  };
}

/** Brings everything but the values up to date and notes what changed. `due` says which polled parts are to be read now. */
export async function refreshPlantView(
  view: PlantView,
  connection: Connection,
  nowMs: number,
  due: { states: boolean; oee: boolean; counts: boolean },
  rows: ChangedRows,
): Promise<void> {
  const { changed } = view;
  if (due.states) {
    const states = await readOpenStates(connection);
    changed.states = states.filter((state) => {
      const known = view.states.get(state.machine_id);
      return known?.state !== state.state || known.since_ms !== state.since_ms || known.fault_code !== state.fault_code;
    });
    view.states = new Map(states.map((state) => [state.machine_id, state]));
  }
  if (due.oee) {
    const oee = await readLiveOee(connection, nowMs);
    changed.oee = !isSameOee(view.oee, oee);
    view.oee = oee;
  }
  if (rows.alarm.size > 0 || rows.fault.size > 0) {
    const counts = await readOpenAlarmCounts(connection);
    const alarms = await readAlarms(connection, [...rows.alarm], mostItems);
    changed.faults = await readFaults(connection, [...rows.fault], mostItems);
    // What changed may be another organization's.
    if (alarms.length + changed.faults.length > 0 || !isSame(counts, view.alarmCounts)) changed.alarms = alarms;
    view.alarmCounts = counts;
  }
  if (rows.work_order.size > 0 || due.counts) {
    const counts = await readOpenOrderCounts(connection, nowMs);
    const orders = await readWorkOrders(connection, [...rows.work_order], nowMs, mostItems);
    if (orders.length > 0 || !isSame(counts, view.orderCounts)) changed.orders = orders;
    view.orderCounts = counts;
  }
}

function isSame(before: unknown, after: unknown): boolean {
  return JSON.stringify(before) === JSON.stringify(after);
}

function isSameOee(before: LiveOee | null, after: LiveOee): boolean {
  return before !== null && isSame({ ...before, server_time: '' }, { ...after, server_time: '' });
}
