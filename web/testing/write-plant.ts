import type { Database } from '../../core/database.ts';

/** A shift that runs at every site, every machine running in it for an hour, and figures for each. */
export async function writeShift(database: Database): Promise<void> {
  await database.execute(
    `insert into shift_instance (organization_id, site_id, shift_id, production_date, started_at, ended_at)
     select distinct on (site_id) organization_id, site_id, shift_id, current_date,
            date_trunc('hour', now()) - interval '3 hours', date_trunc('hour', now()) + interval '5 hours'
       from shift order by site_id, position`,
  );
  await database.execute(
    `insert into machine_state (organization_id, machine_id, started_at, state, packml_state)
     select organization_id, machine_id, now() - interval '1 hour', 'running', 6 from machine`,
  );
  // 3 h planned, 2.7 h running at 90 % of the ideal speed, 2 % rejects: OEE 79.4 %.
  await database.execute(
    `insert into oee_slice (organization_id, machine_id, shift_instance_id, started_at, ended_at, computed_to,
                            planned_seconds, running_seconds, down_seconds, total_count, good_count, reject_count,
                            ideal_total_seconds, ideal_good_seconds)
     select m.organization_id, m.machine_id, i.shift_instance_id, i.started_at, i.ended_at, now(),
            10800, 9720, 1080, 4374, 4287, 87, 8748, 8573
       from machine m join line l using (line_id) join shift_instance i using (site_id)`,
  );
}

/** Ends the open state of a machine and begins another, as analytics does. */
export async function writeState(
  database: Database,
  machineId: number,
  state: string,
  faultCode: number | null = null,
): Promise<void> {
  await database.withTransaction(async (connection) => {
    await connection.query('update machine_state set ended_at = now() where machine_id = $1 and ended_at is null', [
      machineId,
    ]);
    await connection.query(
      `insert into machine_state (organization_id, machine_id, started_at, state, fault_code)
       select organization_id, machine_id, now(), $2, $3 from machine where machine_id = $1`,
      [machineId, state, faultCode],
    );
  });
}

/** Raises a work order of a machine; answers its id. */
export async function writeOrder(
  database: Database,
  machineId: number,
  failureMode: string,
  priority: number,
): Promise<number> {
  const [order] = await database.query<{ work_order_id: number }>(
    `insert into work_order (organization_id, machine_id, failure_mode, title, priority, evidence)
     select organization_id, machine_id, $2, 'Bearing wear suspected', $3, $4 from machine where machine_id = $1
     returning work_order_id`,
    [machineId, failureMode, priority, JSON.stringify({ reasons: ['Vibration rose 62 % over its baseline'] })],
  );
  if (order === undefined) throw new Error(`There is no machine ${machineId}.`);
  return order.work_order_id;
}

/** Raises a limit alarm of a signal; answers its id. */
export async function writeAlarm(database: Database, signalId: number, message: string): Promise<number> {
  const [alarm] = await database.query<{ alarm_id: number }>(
    `insert into alarm (organization_id, machine_id, signal_id, kind, priority, state, raised_at, limit_value, value, message)
     select organization_id, machine_id, signal_id, 'limit_high', 2, 'unacknowledged', now(), 80, 91.5, $2
       from signal where signal_id = $1 returning alarm_id`,
    [signalId, message],
  );
  if (alarm === undefined) throw new Error(`There is no signal ${signalId}.`);
  return alarm.alarm_id;
}
