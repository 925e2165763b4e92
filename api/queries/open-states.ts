import type { Connection } from '../../core/database.ts';
import type { MachineStateName } from '../schemas/machine.ts';

export interface OpenState {
  machine_id: number;
  state: MachineStateName;
  since_ms: number;
  fault_code: number | null;
}

/** The present state of every machine that has one. */
export function readOpenStates(connection: Connection): Promise<OpenState[]> {
  return connection.query<OpenState>(
    `select machine_id, state, (extract(epoch from started_at) * 1000)::float8 as since_ms, fault_code
       from machine_state where ended_at is null order by machine_id`,
  );
}
