import { toTimestamp } from '../../core/clock.ts';
import type { OpenCount } from '../queries/open-counts.ts';
import type { OpenState } from '../queries/open-states.ts';
import type { AlarmsEvent, OeeEvent, SnapshotEvent, StatesEvent, WorkOrdersEvent } from '../schemas/stream.ts';
import type { EventWriter } from './events.ts';
import { mostItems, type PlantView } from './plant-view.ts';
import { isInScope, type Scope } from './scope.ts';

/** When something is sent, and how old that is what states and figures are made of. */
export type Moment = Pick<SnapshotEvent, 'server_time_ms' | 'known_age_ms'>;

/** The first event of a stream, all from memory. */
export function snapshotOf(view: PlantView, scope: Scope, moment: Moment): SnapshotEvent {
  const { topics } = scope;
  return {
    ...moment,
    ...(topics.has('values') && { values: view.values.all(scope) }),
    ...(topics.has('states') && { states: statesOf(view, scope, view.states.values()) }),
    ...(topics.has('oee') && { oee: oeeOf(view, scope, moment.server_time_ms) }),
    ...(topics.has('alarms') && { alarms: { counts: alarmCountsOf(view, scope), items: [], faults: [] } }),
    ...(topics.has('work_orders') && { work_orders: { counts: orderCountsOf(view, scope), items: [] } }),
  };
}

/** What changed in this tick for one scope, as one buffer for all of its clients; null: nothing. */
export function changesOf(view: PlantView, scope: Scope, nowMs: number, writer: EventWriter): Buffer | null {
  const { topics } = scope;
  const { changed } = view;
  const parts: Buffer[] = [];
  const values = topics.has('values') ? view.values.changed(scope) : null;
  if (values !== null) parts.push(writer.write('values', values));
  if (topics.has('states') && changed.states.length > 0) {
    const states = statesOf(view, scope, changed.states);
    if (states.machine_id.length > 0) parts.push(writer.write('states', states));
  }
  if (topics.has('oee') && changed.oee) parts.push(writer.write('oee', oeeOf(view, scope, nowMs)));
  if (topics.has('alarms') && changed.alarms !== null) {
    const items = changed.alarms.filter((alarm) => isInScope(scope, alarm));
    const faults = changed.faults.filter((fault) => isInScope(scope, fault));
    const more = isCut(changed.alarms) || isCut(changed.faults);
    parts.push(writer.write('alarms', { counts: alarmCountsOf(view, scope), items, faults, ...(more && { more }) }));
  }
  if (topics.has('work_orders') && changed.orders !== null) {
    const items = changed.orders.filter((order) => isInScope(scope, order));
    const more = isCut(changed.orders);
    parts.push(writer.write('work_orders', { counts: orderCountsOf(view, scope), items, ...(more && { more }) }));
  }
  return parts.length === 0 ? null : Buffer.concat(parts);
}

/** At the limit it may be all of them; asking again once too often does no harm. */
function isCut(rows: readonly unknown[]): boolean {
  return rows.length === mostItems;
}

function statesOf(view: PlantView, scope: Scope, states: Iterable<OpenState>): StatesEvent {
  const event: StatesEvent = { machine_id: [], state: [], since_ms: [], fault_code: [] };
  for (const state of states) {
    if (!isMachineInScope(view, scope, state.machine_id)) continue;
    event.machine_id.push(state.machine_id);
    event.state.push(state.state);
    event.since_ms.push(state.since_ms);
    event.fault_code.push(state.fault_code);
  }
  return event;
}

/** For a line or a machine: its own rows and those of the line and site it stands in. */
function oeeOf(view: PlantView, scope: Scope, nowMs: number): OeeEvent {
  const oee = view.oee ?? { shifts: [], sites: [], lines: [], machines: [] };
  const server_time = toTimestamp(nowMs);
  const line = scope.line ?? (scope.machine === undefined ? undefined : view.lineOf.get(scope.machine));
  if (line === undefined && scope.machine === undefined) return { ...oee, server_time };
  const site = line === undefined ? undefined : view.siteOf.get(line);
  return {
    server_time,
    shifts: oee.shifts.filter((shift) => shift.site_id === site),
    sites: oee.sites.filter((row) => row.id === site),
    lines: oee.lines.filter((row) => row.id === line),
    machines: oee.machines.filter((row) => isMachineInScope(view, scope, row.id)),
  };
}

function alarmCountsOf(view: PlantView, scope: Scope): AlarmsEvent['counts'] {
  const { open, pressing, by_priority } = sumCounts(view, scope, view.alarmCounts);
  return { open, unacknowledged: pressing, by_priority };
}

function orderCountsOf(view: PlantView, scope: Scope): WorkOrdersEvent['counts'] {
  const { open, pressing, by_priority } = sumCounts(view, scope, view.orderCounts);
  return { open, overdue: pressing, by_priority };
}

function sumCounts(view: PlantView, scope: Scope, counts: readonly OpenCount[]) {
  const sum = { open: 0, pressing: 0, by_priority: [0, 0, 0, 0] as [number, number, number, number] };
  for (const count of counts) {
    if (!isMachineInScope(view, scope, count.machine_id)) continue;
    sum.open += count.open;
    sum.pressing += count.pressing;
    const index = count.priority - 1;
    sum.by_priority[index] = (sum.by_priority[index] ?? 0) + count.open;
  }
  return sum;
}

function isMachineInScope(view: PlantView, scope: Scope, machineId: number): boolean {
  return isInScope(scope, { machine_id: machineId, line_id: view.lineOf.get(machineId) ?? -1 });
}
