import type { Connection } from '../core/database.ts';
import { type CounterQuantity, type CountWeights, countWeights, isCounterQuantity } from './oee/counters.ts';
import { silenceUs } from './states/machine-states.ts';

/** What a signal means to analytics; decided once when the plant is loaded, so that routing a reading is one switch. */
export const Role = { none: 0, measurement: 1, state: 2, mode: 3, fault: 4, order: 5, counter: 6 } as const;
export type Role = (typeof Role)[keyof typeof Role];

export interface PlantSignal {
  signal_id: number;
  organization_id: number;
  /** Index into `Plant.machines`. */
  machine: number;
  name: string;
  quantity: string;
  unit: string;
  role: Role;
  expected_interval_seconds: number;
  /** limit_low_low, limit_low, limit_high, limit_high_high; NaN where there is none. */
  limits: readonly [number, number, number, number];
  range: number | null;
  deadband: number;
  on_delay_us: number;
  off_delay_us: number;
  rollover: number | null;
  weights: CountWeights | null;
}

export interface PlantMachine {
  machine_id: number;
  organization_id: number;
  site_id: number;
  name: string;
  criticality: 'A' | 'B' | 'C';
  silence_us: number;
  /** Slots of the machine's signals. */
  slots: number[];
}

/** The plant as analytics needs it. A *slot* is a signal's index in `signals` and in every column of memory. */
export interface Plant {
  machines: PlantMachine[];
  signals: PlantSignal[];
  /** signal_id → slot, -1 for an unknown signal. */
  slot_of: Int32Array;
  machine_of: Map<number, number>;
}

/** NOTIFY channel rung by the triggers on master data. */
export const plantChangedChannel = 'plant_changed';

interface SignalRow {
  signal_id: number;
  organization_id: number;
  machine_id: number;
  name: string;
  kind: string;
  quantity: string;
  unit: string;
  expected_interval_seconds: number;
  range_low: number | null;
  range_high: number | null;
  limit_low_low: number | null;
  limit_low: number | null;
  limit_high: number | null;
  limit_high_high: number | null;
  deadband: number;
  on_delay_seconds: number;
  off_delay_seconds: number;
  counter_rollover: number | null;
}

/** Reads machines and signals, ordered by their ids so that the same plant always gets the same slots. */
export async function loadPlant(connection: Connection): Promise<Plant> {
  const machineRows = await connection.query<Omit<PlantMachine, 'slots' | 'silence_us'>>(
    `select m.machine_id, m.organization_id, l.site_id, m.name, m.criticality
       from machine m join line l using (line_id) order by m.machine_id`,
  );
  const signalRows = await connection.query<SignalRow>('select * from signal order by signal_id');
  return buildPlant(machineRows, signalRows);
}

/** The plant from its rows. */
export function buildPlant(
  machineRows: readonly Omit<PlantMachine, 'slots' | 'silence_us'>[],
  signalRows: readonly SignalRow[],
): Plant {
  const machines: PlantMachine[] = machineRows.map((row) => ({ ...row, slots: [], silence_us: 0 }));
  const machineOf = new Map(machines.map((machine, index) => [machine.machine_id, index]));
  const counters = new Map<number, Set<CounterQuantity>>();
  for (const row of signalRows) {
    if (row.kind !== 'counter' || !isCounterQuantity(row.quantity)) continue;
    const has = counters.get(row.machine_id) ?? new Set();
    counters.set(row.machine_id, has.add(row.quantity));
  }
  const signals: PlantSignal[] = [];
  const fastest = new Map<number, number>();
  for (const row of signalRows) {
    const machine = machineOf.get(row.machine_id);
    if (machine === undefined) continue;
    machines[machine]?.slots.push(signals.length);
    fastest.set(machine, Math.min(fastest.get(machine) ?? Number.POSITIVE_INFINITY, row.expected_interval_seconds));
    signals.push(toSignal(row, machine, counters.get(row.machine_id) ?? new Set()));
  }
  for (const [index, machine] of machines.entries()) machine.silence_us = silenceUs(fastest.get(index) ?? 1);
  const slotOf = new Int32Array(Math.max(0, ...signals.map((signal) => signal.signal_id)) + 1).fill(-1);
  for (const [slot, signal] of signals.entries()) slotOf[signal.signal_id] = slot;
  return { machines, signals, slot_of: slotOf, machine_of: machineOf };
}

function toSignal(row: SignalRow, machine: number, counters: ReadonlySet<CounterQuantity>): PlantSignal {
  const quantity = row.kind === 'counter' && isCounterQuantity(row.quantity) ? row.quantity : undefined;
  return {
    signal_id: row.signal_id,
    organization_id: row.organization_id,
    machine,
    name: row.name,
    quantity: row.quantity,
    unit: row.unit,
    role: roleOf(row),
    expected_interval_seconds: row.expected_interval_seconds,
    limits: [
      row.limit_low_low ?? Number.NaN,
      row.limit_low ?? Number.NaN,
      row.limit_high ?? Number.NaN,
      row.limit_high_high ?? Number.NaN,
    ],
    range: row.range_low !== null && row.range_high !== null ? row.range_high - row.range_low : null,
    deadband: row.deadband,
    on_delay_us: row.on_delay_seconds * 1e6,
    off_delay_us: row.off_delay_seconds * 1e6,
    rollover: row.counter_rollover,
    weights: quantity === undefined ? null : countWeights(quantity, counters),
  };
}

function roleOf(row: SignalRow): Role {
  switch (row.kind) {
    case 'measurement':
      return Role.measurement;
    case 'state':
      return row.quantity === 'mode' ? Role.mode : Role.state;
    case 'fault':
      return Role.fault;
    case 'order':
      return Role.order;
    case 'counter':
      return isCounterQuantity(row.quantity) ? Role.counter : Role.none;
    default:
      return Role.none;
  }
}
