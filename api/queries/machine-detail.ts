import type { Connection } from '../../core/database.ts';
import type { Machine, MachineDetail } from '../schemas/machine.ts';
import type { MachineSignal } from '../schemas/signal.ts';
import { listAlarms } from './alarms.ts';
import { listFaults } from './faults.ts';
import { machineColumns, machineJoins, toMachine } from './machines.ts';
import { readLiveOee } from './oee-live.ts';
import { listReliability } from './reliability.ts';
import { signalColumns, signalJoins, toSignal, type SignalRow } from './signals.ts';
import { listWorkOrders } from './work-orders.ts';

/** Everything a machine page shows at first sight, or undefined when there is no such machine. */
export async function readMachineDetail(
  connection: Connection,
  machineId: number,
  nowMs: number,
): Promise<MachineDetail | undefined> {
  const [row] = await connection.query<
    Parameters<typeof toMachine>[0] & Pick<MachineDetail, 'time_zone' | 'manufacturer' | 'model' | 'serial_number'>
  >(
    `select ${machineColumns}, s.time_zone, m.manufacturer, m.model, m.serial_number
       from machine m ${machineJoins} where m.machine_id = $1`,
    [machineId],
  );
  if (row === undefined) return undefined;
  const machine: Machine & Pick<MachineDetail, 'time_zone' | 'manufacturer' | 'model' | 'serial_number'> =
    toMachine(row);
  const signals = await readMachineSignals(connection, machineId);
  const live = await readLiveOee(connection, nowMs, { machine: machineId });
  const open = { limit: 50, machine: machineId, open: 'true' } as const;
  const alarms = await listAlarms(connection, open);
  const faults = await listFaults(connection, open);
  const orders = await listWorkOrders(connection, open, nowMs);
  const reliability = await listReliability(connection, { limit: 10, machine: machineId });
  return {
    ...machine,
    product_code: signals.find((signal) => signal.kind === 'order')?.latest?.text ?? null,
    shift: live.shifts[0] ?? null,
    oee: live.machines[0] ?? null,
    signals,
    alarms: alarms.items,
    faults: faults.items,
    work_orders: orders.items,
    reliability: reliability.items,
  };
}

async function readMachineSignals(connection: Connection, machineId: number): Promise<MachineSignal[]> {
  const rows = await connection.query<SignalRow<MachineSignal>>(
    `select ${signalColumns} from signal g ${signalJoins} where g.machine_id = $1 order by g.position, g.signal_id`,
    [machineId],
  );
  return rows.map(toSignal);
}
