import type { Connection } from '../../core/database.ts';
import type { Live } from '../feed/live.ts';
import { Role } from '../plant.ts';
import { cutIntervals, replayStates } from './history.ts';
import type { Interval, StateMemory } from './machine-states.ts';
import { unplannedStates } from './packml.ts';
import { readPrime, readStateEvents } from './read-history.ts';
import { writeIntervals } from './write-intervals.ts';

interface RecomputedStates {
  /** Replaces the memory in use when the live end was reached. */
  memory: StateMemory | null;
  /** Where pieces have come to be left out of OEE, or are no longer. */
  recount: { from_us: number; to_us: number } | null;
}

/** The year 2255, up to which microseconds are exact in a float64. */
const farFutureUs = 9e15;

/**
 * Computes the state intervals of one machine again, from `reading`, around [fromUs, toUs]. The stretch is widened to
 * where both ends are certain to be as before: at the front to the start of the interval before the one that holds
 * `fromUs`; at the end past the next reading of every signal that tells states, to the end of a stored run, or else
 * to the live end.
 */
export async function recomputeStates(
  connection: Connection,
  live: Live,
  machine: number,
  fromUs: number,
  toUs: number,
): Promise<RecomputedStates> {
  const { plant, last_us: lastUs } = live;
  const machineId = plant.machines[machine]?.machine_id;
  const memory = live.machines[machine]?.states;
  const liveUs = memory?.heard_us;
  if (machineId === undefined || memory === undefined || liveUs == null) return { memory: null, recount: null };

  const startUs = await findStart(connection, machineId, fromUs);
  const nextUs = await findNextTold(connection, live, machine, toUs);
  const endUs = nextUs === null ? null : await findBorder(connection, machineId, nextUs);
  const events = [
    ...(await readPrime(connection, plant, machine, startUs)),
    ...(await readStateEvents(connection, plant, machine, startUs, endUs ?? farFutureUs, lastUs)),
  ];
  const limitUs = plant.machines[machine]?.silence_us ?? 30e6;
  // A silence that lasts at the live end belongs to it: without it an OEE job that came before the next look at the clock
  // had booked a day in which nothing was heard as 86 400 s of running, by one old Execute.
  const replay = replayStates(events, limitUs, endUs === null && memory.silent);
  const intervals = cutIntervals(replay.intervals, startUs, endUs);

  const before = await connection.query<Pick<Interval, 'state' | 'started_us' | 'ended_us'>>(
    `delete from machine_state where machine_id = $1 and started_at >= to_timestamp($2::float8 / 1e6)
        and ($3::float8 is null or started_at < to_timestamp($3::float8 / 1e6))
     returning state, (extract(epoch from started_at) * 1e6)::float8 as started_us, (extract(epoch from ended_at) * 1e6)::float8 as ended_us`,
    [machineId, startUs, endUs],
  );
  const changes = new Map(intervals.map((interval) => [interval.started_us, interval]));
  await writeIntervals(connection, plant, new Map([[machine, changes]]));
  const recount = changedUnplanned(before, intervals, liveUs);
  if (endUs !== null) return { memory: null, recount };
  // The memory goes on from the live end.
  const open = intervals.at(-1) ?? null;
  // A gap from before the stretch is not in the replay.
  const gap_ended_us =
    replay.memory.gap_ended_us ?? ((memory.gap_ended_us ?? 0) <= startUs ? memory.gap_ended_us : null);
  return { memory: { ...replay.memory, gap_ended_us, open, previous: intervals.at(-2) ?? null }, recount };
}

/** From the first to the last moment at which pieces are left out of OEE now and were not before, or the other way round. */
function changedUnplanned(
  before: readonly Pick<Interval, 'state' | 'started_us' | 'ended_us'>[],
  after: readonly Interval[],
  liveUs: number,
): { from_us: number; to_us: number } | null {
  const unplanned = (intervals: typeof before): Map<string, (typeof before)[number]> =>
    new Map(
      intervals
        .filter(({ state }) => unplannedStates.includes(state))
        .map((interval) => [`${interval.state} ${interval.started_us} ${interval.ended_us}`, interval]),
    );
  const [old, now] = [unplanned(before), unplanned(after)];
  const changed = [...[...old].filter(([key]) => !now.has(key)), ...[...now].filter(([key]) => !old.has(key))].map(
    ([, interval]) => interval,
  );
  if (changed.length === 0) return null;
  return {
    from_us: Math.min(...changed.map(({ started_us }) => started_us)),
    to_us: Math.max(...changed.map(({ started_us, ended_us }) => ended_us ?? Math.max(started_us, liveUs))),
  };
}

/** Start of the interval before the one that holds `timeUs`; `timeUs` itself when there is none. */
async function findStart(connection: Connection, machineId: number, timeUs: number): Promise<number> {
  const rows = await connection.query<{ started_us: number }>(
    `select (extract(epoch from started_at) * 1e6)::float8 as started_us from machine_state
      where machine_id = $1 and started_at <= to_timestamp($2::float8 / 1e6) order by started_at desc limit 2`,
    [machineId, timeUs],
  );
  return Math.min(timeUs, rows.at(-1)?.started_us ?? timeUs);
}

/** The first moment after `timeUs` by which state, mode and fault have each been told anew and anything was heard; null: not yet. */
async function findNextTold(
  connection: Connection,
  live: Live,
  machine: number,
  timeUs: number,
): Promise<number | null> {
  const { plant, last_us: lastUs } = live;
  const slots = (plant.machines[machine]?.slots ?? []).filter((slot) => {
    const role = plant.signals[slot]?.role;
    return (role === Role.state || role === Role.mode || role === Role.fault) && (lastUs[slot] ?? 0) > 0;
  });
  if (slots.length === 0) return null;
  const [row] = await connection.query<{ time_us: number | null; missing: number }>(
    `select (extract(epoch from max(r.time)) * 1e6)::float8 as time_us, count(*) filter (where r.time is null)::int as missing
       from unnest($1::int[], $2::float8[]) as s(signal_id, last_us)
       left join lateral (select time from reading
                           where signal_id = s.signal_id and time > to_timestamp($3::float8 / 1e6)
                             and time <= to_timestamp(s.last_us / 1e6) and quality in (64, 192) and value is not null
                           order by time limit 1) r on true`,
    [slots.map((slot) => plant.signals[slot]?.signal_id), slots.map((slot) => lastUs[slot]), timeUs],
  );
  return row === undefined || row.missing > 0 ? null : row.time_us;
}

/**
 * The end of the first stored run that begins after `timeUs`; null means up to the live end. A changeover lasts until the
 * machine runs, so what is not past a run may still depend on what is computed again.
 */
async function findBorder(connection: Connection, machineId: number, timeUs: number): Promise<number | null> {
  const rows = await connection.query<{ ended_us: number | null }>(
    `select (extract(epoch from ended_at) * 1e6)::float8 as ended_us from machine_state
      where machine_id = $1 and started_at > to_timestamp($2::float8 / 1e6) and state = 'running'
      order by started_at limit 1`,
    [machineId, timeUs],
  );
  return rows[0]?.ended_us ?? null;
}
