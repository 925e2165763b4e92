import type { Connection } from '../../core/database.ts';
import type { Log } from '../../core/log.ts';
import { type LimitKind, resumeLimit } from '../alarms/limits.ts';
import type { Plant } from '../plant.ts';
import type { Interval } from '../states/machine-states.ts';
import { type Live, restoreLive } from './live.ts';
import { UnreadableMemoryError } from './pack-columns.ts';

/**
 * The live state from the stored parts; when they cannot be read (another version's, or damaged), from the machines'
 * states and the alarms that are active: those go on, so that they can return, and all else is learnt anew. One
 * checkpoint that could not be read had stopped analytics for good, 150 failures long. The next one is readable again.
 * Costs, once: the pieces counted between the last reading before and the first after, and half an hour of learning.
 */
export async function openLive(
  connection: Connection,
  plant: Plant,
  parts: ReadonlyMap<string, Buffer>,
  log: Log,
): Promise<Live> {
  try {
    return restoreLive(plant, parts);
  } catch (error) {
    if (!(error instanceof UnreadableMemoryError)) throw error;
    log.warn({ err: error }, 'the memory of analytics cannot be read; it is dropped, and sensors are learnt anew');
  }
  const live = await restoreMachines(connection, plant, parts.get('machines'));
  for (const memory of live.machines) {
    memory.open_sensors = 0;
    memory.fusion = { phase: 'quiet', since_us: 0, peak_score: 0 };
  }
  await connection.query('update anomaly set ended_at = greatest(started_at, now()) where ended_at is null');
  await connection.query(
    `update alarm set returned_at = greatest(raised_at, now()),
            state = case state when 'unacknowledged' then 'returned_unacknowledged' when 'acknowledged' then 'normal' else state end
      where kind = 'anomaly' and returned_at is null`,
  );
  const alarms = await connection.query<{ signal_id: number; kind: LimitKind | 'fault_code'; value: number }>(
    `select signal_id, kind, coalesce(value, 0) as value from alarm
      where returned_at is null and signal_id is not null and (kind like 'limit%' or kind = 'fault_code')`,
  );
  for (const { signal_id, kind, value } of alarms) {
    const slot = plant.slot_of[signal_id] ?? -1;
    if (slot < 0) continue;
    if (kind === 'fault_code') live.counter_value[slot] = value;
    else resumeLimit(live.limits, slot, kind, value);
  }
  return live;
}

async function restoreMachines(connection: Connection, plant: Plant, machines: Buffer | undefined): Promise<Live> {
  try {
    return restoreLive(plant, machines === undefined ? new Map() : new Map([['machines', machines]]));
  } catch (error) {
    if (!(error instanceof UnreadableMemoryError)) throw error;
  }
  const live = restoreLive(plant, new Map());
  const rows = await connection.query<Interval & { machine_id: number; heard_us: number }>(
    `select machine_id, (extract(epoch from s.started_at) * 1e6)::float8 as started_us, null as ended_us, s.state,
            s.packml_state, s.fault_code, (extract(epoch from p.heard_at) * 1e6)::float8 as heard_us
       from machine_state s join machine_progress p using (machine_id) where s.ended_at is null`,
  );
  for (const { machine_id, heard_us, ...open } of rows) {
    const states = live.machines[plant.machine_of.get(machine_id) ?? -1]?.states;
    if (states === undefined) continue;
    // Every controller tells its state again now and then; until it does, the state is the one that is written.
    const { packml_state, fault_code, state } = open;
    Object.assign(states, { open, heard_us, packml_state, fault_code: fault_code ?? 0, runs: state === 'running' });
  }
  return live;
}
