import type { Connection } from '../../core/database.ts';
import type { Plant } from '../plant.ts';
import type { Interval } from './machine-states.ts';

/**
 * Writes changed intervals by (machine, start): first those that never were, then the closed ones, then the open ones,
 * so that no moment of the transaction has two open intervals of a machine (`machine_state_one_open`).
 */
export async function writeIntervals(
  connection: Connection,
  plant: Plant,
  intervals: ReadonlyMap<number, ReadonlyMap<number, Interval | null>>,
): Promise<void> {
  const gone: { machine_id: number; started_us: number }[] = [];
  const closed: Row[] = [];
  const open: Row[] = [];
  for (const [index, changes] of intervals) {
    const machine = plant.machines[index];
    if (machine === undefined) continue;
    for (const [startedUs, interval] of changes) {
      if (interval === null) gone.push({ machine_id: machine.machine_id, started_us: startedUs });
      else (interval.ended_us === null ? open : closed).push({ ...machine, ...interval });
    }
  }
  if (gone.length > 0) {
    await connection.prepared(
      'analytics delete intervals',
      `delete from machine_state s using unnest($1::int[], $2::float8[]) as gone(machine_id, started_us)
        where s.machine_id = gone.machine_id and s.started_at = to_timestamp(gone.started_us / 1e6)`,
      [gone.map((row) => row.machine_id), gone.map((row) => row.started_us)],
    );
  }
  await upsert(connection, closed);
  await upsert(connection, open);
}

type Row = Interval & { machine_id: number; organization_id: number };

async function upsert(connection: Connection, rows: readonly Row[]): Promise<void> {
  if (rows.length === 0) return;
  await connection.prepared(
    'analytics write intervals',
    `insert into machine_state (organization_id, machine_id, started_at, ended_at, state, packml_state, fault_code)
     select organization_id, machine_id, to_timestamp(started_us / 1e6), to_timestamp(ended_us / 1e6), state, packml_state, fault_code
       from unnest($1::int[], $2::int[], $3::float8[], $4::float8[], $5::text[], $6::int2[], $7::int[])
              as i(organization_id, machine_id, started_us, ended_us, state, packml_state, fault_code)
     on conflict (machine_id, started_at) do update
        set ended_at = excluded.ended_at, state = excluded.state,
            packml_state = excluded.packml_state, fault_code = excluded.fault_code`,
    [
      rows.map((row) => row.organization_id),
      rows.map((row) => row.machine_id),
      rows.map((row) => row.started_us),
      rows.map((row) => row.ended_us),
      rows.map((row) => row.state),
      rows.map((row) => row.packml_state),
      rows.map((row) => row.fault_code),
    ],
  );
}
