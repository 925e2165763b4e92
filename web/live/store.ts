import { batch, computed, type ReadonlySignal, type Signal, signal } from '@preact/signals';
import type { Alarm, AlarmCounts } from '../../api/schemas/alarm.ts';
import type { MachineStateName } from '../../api/schemas/machine.ts';
import type { LiveOeeRow, LiveShift } from '../../api/schemas/oee.ts';
import type { StreamEvents, ValuesEvent } from '../../api/schemas/stream.ts';
import type { WorkOrder, WorkOrderCounts } from '../../api/schemas/work-order.ts';
import type { Me } from '../../api/schemas/session.ts';
import { get, getAll, signedIn } from '../fetch.ts';
import { isOpenAlarm, isOpenOrder, replaced } from './open.ts';
import { createServerTime } from './server-time.ts';
import type { Connection, LiveMessage } from './stream.ts';
import { joinTabs, type Tabs } from './tabs.ts';
import type { Want } from './wants.ts';

export interface LiveState {
  state: MachineStateName;
  since_ms: number;
  fault_code: number | null;
}
/** Readings of a running plant are stored several times a second; a minute without one is worth a sentence. */
export const silentMs = 60_000;

export interface LiveValue {
  value: number | null;
  time_ms: number;
  quality: number;
}

const serverTime = createServerTime(performance.timeOrigin + performance.now());
/**
 * Server time, moved once a second: ages and staleness hang on it, since silence makes no event. It stands still while
 * the page does: a machine must not seem to go on running because a timer in the browser does.
 */
export const now = signal(serverTime.now());
export const connection = signal<Connection>({ state: 'connecting', since_ms: serverTime.now() });
/** A person froze the page to read it; null while it moves, else since when. */
export const pausedSince = signal<number | null>(null);
export const shifts = signal<LiveShift[]>([]);
export const alarmCounts = signal<AlarmCounts | null>(null);
export const workOrderCounts = signal<WorkOrderCounts | null>(null);
/** Alarms that need a person and orders that are not finished, by id; null until first loaded. */
export const openAlarms = signal<ReadonlyMap<number, Alarm> | null>(null);
export const openOrders = signal<ReadonlyMap<number, WorkOrder> | null>(null);
/** When the database last stored a batch of readings, by the heartbeats; null while unknown. */
export const lastStoredAt = signal<number | null>(null);
/** When the readings were stored that states and figures are made of; null while unknown. */
const knownTo = signal<number | null>(null);
/** Since when nothing has been made of readings any more; null while it is. */
export const unknownSince = computed(() => {
  const to = knownTo.value;
  return to !== null && now.value - to > silentMs ? to : null;
});
/** Server time that never stands still, for how long something has been standing still. */
export const wallNow = signal(serverTime.now());
/** Counts the times when what was missed came in one piece: after a lost connection, a pause, a hidden page. */
export const resumed = signal(0);
/** The stream has spoken, or was lost before it could: the charts have asked the server by then, and must ask again. */
let hasBegun = false;
/** Whether what the page shows is being kept up to date. */
export const isMoving = computed(() => connection.value.state === 'live' && pausedSince.value === null);

/** The last state heard of a machine. */
const states = new Map<number, Signal<LiveState | null>>();
/** The same, as it may be shown. */
const presentStates = new Map<number, ReadonlySignal<LiveState | null>>();
const values = new Map<number, Signal<LiveValue | null>>();
const oee = {
  site: new Map<number, Signal<LiveOeeRow | null>>(),
  line: new Map<number, Signal<LiveOeeRow | null>>(),
  machine: new Map<number, Signal<LiveOeeRow | null>>(),
};
const valueListeners = new Set<(event: ValuesEvent) => void>();
const orderListeners = new Set<(order: WorkOrder) => void>();

/**
 * The live state of a machine: one signal each, so that one machine's change redraws one tile. Without analytics the last
 * state heard would stand for ever: it is no data as soon as nobody knows any more.
 */
export function stateOf(machineId: number): ReadonlySignal<LiveState | null> {
  let present = presentStates.get(machineId);
  if (present === undefined) {
    const heard = entry(states, machineId);
    present = computed(() => {
      const since_ms = unknownSince.value;
      if (since_ms === null || heard.value === null || heard.value.state === 'no_data') return heard.value;
      return { state: 'no_data', since_ms, fault_code: null };
    });
    presentStates.set(machineId, present);
  }
  return present;
}
export function valueOf(signalId: number): Signal<LiveValue | null> {
  return entry(values, signalId);
}
export function oeeOf(level: 'site' | 'line' | 'machine', id: number): Signal<LiveOeeRow | null> {
  return entry(oee[level], id);
}
/** The shift that runs at a site, or null. */
export function shiftOf(siteId: number): LiveShift | null {
  return shifts.value.find((one) => one.site_id === siteId) ?? null;
}
/** Calls back with each event of values, for charts that append; returns how to stop. */
export function onValues(listener: (event: ValuesEvent) => void): () => void {
  valueListeners.add(listener);
  return () => valueListeners.delete(listener);
}
/** Calls back with each order that changed; returns how to stop. */
export function onOrder(listener: (order: WorkOrder) => void): () => void {
  orderListeners.add(listener);
  return () => orderListeners.delete(listener);
}

let tabs: Tabs | undefined;
let want: Want = { values: 'none' };
/** Changes that came while the lists were being fetched: they are newer than the answer. */
let meanwhile: { alarms: Alarm[]; orders: WorkOrder[] } | undefined;
/** Something was missed while the lists were being fetched. */
let askAgain = false;

/** Starts the live part of the page: the stream, and the clock that ages what it brought. */
export function startLive(): void {
  setInterval(tickClock, 1000);
  const join = (): void => {
    tabs = joinTabs(hear, serverTime.now, isRefused);
    tabs.want(want);
  };
  join();
  addEventListener('pagehide', () => tabs?.close());
  addEventListener('pageshow', (event) => {
    if (event.persisted) join();
  });
}

/** Says which values this page shows. */
export function wantValues(next: Want): void {
  want = next;
  tabs?.want(next);
}

/** Freezes or moves the page. What happened meanwhile arrives at once as one snapshot. */
export function setPaused(paused: boolean): void {
  pausedSince.value = paused ? serverTime.now() : null;
  if (!paused) tabs?.refresh();
}

/** Applies one message of the stream. Exported for the tests. */
export function hear(message: LiveMessage): void {
  if (message.name === 'heartbeat' || message.name === 'snapshot') {
    const { server_time_ms, known_age_ms } = message.data;
    serverTime.learn(server_time_ms);
    knownTo.value = known_age_ms === null ? null : server_time_ms - known_age_ms;
  }
  if (message.name === 'heartbeat') {
    const { server_time_ms, feed_age_ms } = message.data;
    lastStoredAt.value = feed_age_ms === null ? null : server_time_ms - feed_age_ms;
  }
  if (message.name === 'connection') {
    connection.value = message.data;
    if (message.data.state === 'lost') hasBegun = true;
    if (message.data.state === 'refused') signedIn.value = false;
    return;
  }
  if (pausedSince.peek() !== null) return;
  batch(() => {
    if (message.name === 'snapshot') {
      const { states: s, oee: o, values: v, alarms: a, work_orders: w } = message.data;
      if (s !== undefined) applyStates(s);
      if (o !== undefined) applyOee(o);
      if (v !== undefined) applyValues(v);
      if (a !== undefined) alarmCounts.value = a.counts;
      if (w !== undefined) workOrderCounts.value = w.counts;
      void loadLists();
      // The next heartbeat says when the last batch was stored; what was known of it is as old as the silence.
      lastStoredAt.value = null;
      // What is asked for now must reach to now, and not to where the clock stood while nothing was heard.
      now.value = wallNow.value = serverTime.now();
      if (hasBegun) resumed.value++;
      hasBegun = true;
    } else if (message.name === 'states') applyStates(message.data);
    else if (message.name === 'oee') applyOee(message.data);
    else if (message.name === 'values') applyValues(message.data);
    else if (message.name === 'alarms') applyAlarms(message.data);
    else if (message.name === 'work_orders') applyOrders(message.data);
  });
}

function tickClock(): void {
  wallNow.value = serverTime.now();
  if (isMoving.peek()) now.value = wallNow.peek();
}

async function isRefused(): Promise<boolean> {
  try {
    await get<Me>('/me');
    return false;
  } catch {
    return signedIn.peek() === false;
  }
}

async function loadLists(): Promise<void> {
  if (meanwhile !== undefined) {
    askAgain = true;
    return;
  }
  askAgain = false;
  meanwhile = { alarms: [], orders: [] };
  try {
    const [alarms, orders] = await Promise.all([
      getAll<Alarm>('/alarms?open=true'),
      getAll<WorkOrder>('/work-orders?open=true'),
    ]);
    const newer = meanwhile;
    openAlarms.value = replaced(new Map(), [...alarms, ...newer.alarms], (a) => a.alarm_id, isOpenAlarm);
    openOrders.value = replaced<WorkOrder>(
      new Map(),
      [...orders, ...newer.orders],
      (o) => o.work_order_id,
      isOpenOrder,
    );
  } catch {
    // The connection chip says that the server is away; the next snapshot asks again.
  } finally {
    meanwhile = undefined;
  }
  if (askAgain) await loadLists();
}

function applyStates(event: StreamEvents['states']): void {
  for (const [at, id] of event.machine_id.entries()) {
    const next = {
      state: event.state[at] ?? 'no_data',
      since_ms: event.since_ms[at] ?? 0,
      fault_code: event.fault_code[at] ?? null,
    } as const;
    const held = entry(states, id);
    const before = held.peek();
    if (before?.state !== next.state || before.since_ms !== next.since_ms || before.fault_code !== next.fault_code)
      held.value = next;
  }
}

/** Each event holds all rows of the running shifts: what is not in it belongs to a shift that has ended. */
function applyOee(event: StreamEvents['oee']): void {
  shifts.value = event.shifts;
  for (const [level, rows] of [
    ['site', event.sites],
    ['line', event.lines],
    ['machine', event.machines],
  ] as const) {
    const present = new Set(rows.map((row) => row.id));
    for (const [id, held] of oee[level]) if (!present.has(id)) held.value = null;
    for (const row of rows) oeeOf(level, row.id).value = row;
  }
}

function applyValues(event: ValuesEvent): void {
  for (const [at, id] of event.signal_id.entries())
    valueOf(id).value = {
      value: event.value[at] ?? null,
      time_ms: event.time_ms[at] ?? 0,
      quality: event.quality[at] ?? 0,
    };
  for (const listener of valueListeners) listener(event);
}

function applyAlarms(event: StreamEvents['alarms']): void {
  alarmCounts.value = event.counts;
  if (event.more === true) void loadLists();
  meanwhile?.alarms.push(...event.items);
  if (openAlarms.value !== null && event.items.length > 0)
    openAlarms.value = replaced(openAlarms.value, event.items, (a) => a.alarm_id, isOpenAlarm);
}

function applyOrders(event: StreamEvents['work_orders']): void {
  workOrderCounts.value = event.counts;
  if (event.more === true) void loadLists();
  meanwhile?.orders.push(...event.items);
  if (openOrders.value !== null && event.items.length > 0)
    openOrders.value = replaced<WorkOrder>(openOrders.value, event.items, (o) => o.work_order_id, isOpenOrder);
  for (const order of event.items) for (const listener of orderListeners) listener(order);
}

function entry<Value>(map: Map<number, Signal<Value | null>>, id: number): Signal<Value | null> {
  let held = map.get(id);
  if (held === undefined) {
    held = signal<Value | null>(null);
    map.set(id, held);
  }
  return held;
}
