import type { Connection } from '../../core/database.ts';
import { recomputeCounts } from '../oee/recompute-counts.ts';
import { writeCounts } from '../oee/write-counts.ts';
import { lockSlices } from '../oee/write-slices.ts';
import { recomputeStates } from '../states/recompute.ts';
import type { Live } from './live.ts';

/** A longer range is computed in pieces of this length, so that no transaction holds the follower up for long. */
const pieceUs = 6 * 3600e6;

export interface Recomputed {
  machine_id: number;
  from_us: number;
  to_us: number;
}

/**
 * Computes marked ranges again, at most `atMost` machines, each mark at least `minAgeMs` old (late readings come in
 * bunches). Runs inside the caller's transaction and on a live state without unwritten changes. Answers the ranges that
 * changed, for OEE, and changes `live` where a range reaches the live end; when the transaction fails, `live` must be
 * loaded anew.
 */
export async function recomputeMarked(
  connection: Connection,
  live: Live,
  atMost: number,
  minAgeMs: number,
): Promise<Recomputed[]> {
  const marks = await connection.query<{ machine_id: number; ids: number[]; from_us: number; to_us: number }>(
    `select machine_id, array_agg(machine_recompute_id) as ids,
            (extract(epoch from min(from_time)) * 1e6)::float8 as from_us, (extract(epoch from max(to_time)) * 1e6)::float8 as to_us
       from machine_recompute
      group by machine_id having min(noted_at) <= now() - $1::float8 * interval '1 millisecond'
      order by min(noted_at) limit $2`,
    [minAgeMs, atMost],
  );
  const done: Recomputed[] = [];
  if (marks.length > 0) await lockSlices(connection);
  for (const { machine_id, ids, from_us, to_us } of marks) {
    await connection.query('delete from machine_recompute where machine_recompute_id = any($1::int8[])', [ids]);
    const machine = live.plant.machine_of.get(machine_id);
    if (machine === undefined) continue;
    const endUs = Math.min(to_us, from_us + pieceUs);
    if (endUs < to_us) await mark(connection, machine_id, endUs, to_us);
    const memory = live.machines[machine];
    const states = await recomputeStates(connection, live, machine, from_us, endUs);
    if (memory !== undefined && states.memory !== null) memory.states = states.memory;
    // Pieces elsewhere must follow the states: in the next round, which finds the states as they are.
    const { recount } = states;
    if (recount !== null && (recount.from_us < from_us || recount.to_us > endUs))
      await mark(connection, machine_id, recount.from_us, recount.to_us);
    const counts = await recomputeCounts(connection, live, machine, from_us, endUs);
    await connection.query(
      `delete from production_minute where machine_id = $1
          and minute >= to_timestamp($2::float8 / 1e6) and minute < to_timestamp($3::float8 / 1e6)`,
      [machine_id, counts.from_us, counts.to_us],
    );
    await writeCounts(connection, live.plant, counts.counts);
    // The slices are marked as unfinished here, so that a lost doorbell cannot leave them as they were.
    await connection.query(
      `update oee_slice set computed_to = started_at
        where machine_id = $1 and started_at < to_timestamp($3::float8 / 1e6) and ended_at > to_timestamp($2::float8 / 1e6)`,
      [machine_id, Math.min(from_us, counts.from_us), Math.max(endUs, counts.to_us)],
    );
    done.push({ machine_id, from_us: Math.min(from_us, counts.from_us), to_us: Math.max(endUs, counts.to_us) });
  }
  return done;
}

async function mark(connection: Connection, machineId: number, fromUs: number, toUs: number): Promise<void> {
  await connection.query(
    `insert into machine_recompute (machine_id, from_time, to_time)
     values ($1, to_timestamp($2::float8 / 1e6), to_timestamp($3::float8 / 1e6))`,
    [machineId, fromUs, toUs],
  );
}
