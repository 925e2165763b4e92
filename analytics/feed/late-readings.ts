import type { Connection } from '../../core/database.ts';
import { type Plant, Role } from '../plant.ts';
import { unplannedStates } from '../states/packml.ts';
import type { Live } from './live.ts';
import type { LateReading, Outcome } from './outcome.ts';

/** Above this many late readings in one checkpoint (a back-fill) they are not looked at one by one. */
const inspectAtMost = 2000;
/** Ranges of one machine that are closer than this are computed again as one. */
const joinUs = 10 * 60e6;

/**
 * Marks what late readings changed (`machine_recompute`). Most change nothing: a state equal to the one before it leaves
 * the step function as it is, and a count between its neighbours leaves its minute as it is when the next count is in
 * the same minute, under the same order, and neither is near time that is left out of OEE. Those are recognised by a few index look-ups each, because at 1 % late rows the whole plant would
 * otherwise be computed anew all the time. A count equal to the one before is no such case: the one before may itself be
 * late and not yet counted, and each would excuse the other. Times out of order matter only where they fill a silence.
 */
export async function markLateReadings(connection: Connection, { plant, machines, outcome }: Live): Promise<void> {
  const ranges = outcome.recompute.map((range) => ({ ...range }));
  const rangeOf = ({ machine, slot, time_us }: LateReading): Outcome['recompute'][number] => {
    // A late order changes the product of every piece since; those between it and the next order may be late as well.
    const isOrder = plant.signals[slot]?.role === Role.order;
    return {
      machine,
      from_us: time_us,
      to_us: isOrder ? Math.max(time_us, machines[machine]?.counted_us ?? 0) : time_us,
    };
  };
  if (outcome.late.length > inspectAtMost) {
    for (const late of outcome.late) ranges.push(rangeOf(late));
  } else if (outcome.late.length > 0) {
    for (const late of await findChanging(connection, plant, outcome.late)) ranges.push(rangeOf(late));
  }
  await insertRanges(connection, plant, joinRanges(ranges));
  await markFilledSilences(connection, plant, outcome.late_heard);
}

async function findChanging(
  connection: Connection,
  plant: Plant,
  late: readonly LateReading[],
): Promise<LateReading[]> {
  const orderSignals = new Map(
    plant.signals.filter(({ role }) => role === Role.order).map(({ machine, signal_id }) => [machine, signal_id]),
  );
  const rows = await connection.prepared<{ position: number }>(
    'analytics find changing late readings',
    `select (late.position - 1)::int as position
       from unnest($1::int[], $2::float8[], $3::float8[], $4::bool[], $5::int[], $6::int[]) with ordinality
              as late(signal_id, time_us, value, is_counter, machine_id, order_id, position)
      cross join lateral (select to_timestamp(late.time_us / 1e6) as time) at
       left join lateral (select time, value, quality in (64, 192) and value is not null as usable from reading
                           where signal_id = late.signal_id and time < at.time
                             and (not late.is_counter or (quality in (64, 192) and value is not null))
                           order by time desc limit 1) before on true
       left join lateral (select time, value from reading
                           where late.is_counter and signal_id = late.signal_id and time > at.time
                             and quality in (64, 192) and value is not null
                           order by time limit 1) after on true
      cross join lateral (select (${orderAt('at.time')}) as at_count, (${orderAt('after.time')}) as at_next) ordered
      where case
              when late.is_counter and late.value is null then false
              when late.is_counter then not coalesce(before.value <= late.value and late.value <= after.value
                     and date_trunc('minute', at.time) = date_trunc('minute', after.time)
                     and ordered.at_count is not distinct from ordered.at_next
                     and not exists (select 1 from machine_state s
                                      where s.machine_id = late.machine_id and s.state = any($7)
                                        and s.started_at <= after.time and (s.ended_at is null or s.ended_at >= before.time)), false)
              when late.value is null then coalesce(before.usable, true)
              else not coalesce(before.usable and before.value = late.value, false)
            end`,
    [
      late.map(({ slot }) => plant.signals[slot]?.signal_id),
      late.map(({ time_us }) => time_us),
      late.map(({ value }) => (Number.isNaN(value) ? null : value)),
      late.map(({ slot }) => plant.signals[slot]?.role === Role.counter),
      late.map(({ machine }) => plant.machines[machine]?.machine_id),
      late.map(({ machine }) => orderSignals.get(machine)),
      unplannedStates,
    ],
  );
  return rows.flatMap(({ position }) => late[position] ?? []);
}

/** The order that runs at a moment; one that is told at the moment of a count holds for it already. */
function orderAt(time: string): string {
  return `select value from reading where late.is_counter and signal_id = late.order_id and time <= ${time}
             and quality in (64, 192) and value is not null order by time desc limit 1`;
}

/** Overlapping and neighbouring ranges of each machine as one. */
export function joinRanges(ranges: readonly Outcome['recompute'][number][]): Outcome['recompute'] {
  const sorted = ranges.toSorted((a, b) => a.machine - b.machine || a.from_us - b.from_us);
  const joined: Outcome['recompute'] = [];
  for (const range of sorted) {
    const last = joined.at(-1);
    if (last !== undefined && last.machine === range.machine && range.from_us <= last.to_us + joinUs) {
      last.to_us = Math.max(last.to_us, range.to_us);
    } else {
      joined.push({ ...range });
    }
  }
  return joined;
}

async function insertRanges(connection: Connection, plant: Plant, ranges: Outcome['recompute']): Promise<void> {
  if (ranges.length === 0) return;
  await connection.query(
    `insert into machine_recompute (machine_id, from_time, to_time)
     select machine_id, to_timestamp(from_us / 1e6), to_timestamp(to_us / 1e6)
       from unnest($1::int[], $2::float8[], $3::float8[]) as r(machine_id, from_us, to_us)`,
    [
      ranges.map(({ machine }) => plant.machines[machine]?.machine_id),
      ranges.map(({ from_us }) => from_us),
      ranges.map(({ to_us }) => to_us),
    ],
  );
}

async function markFilledSilences(connection: Connection, plant: Plant, heard: Outcome['late_heard']): Promise<void> {
  if (heard.size === 0) return;
  const ranges = [...heard];
  await connection.prepared(
    'analytics mark filled silences',
    `insert into machine_recompute (machine_id, from_time, to_time)
     select late.machine_id, late.from_time, late.to_time
       from unnest($1::int[], $2::float8[], $3::float8[]) as r(machine_id, from_us, to_us)
      cross join lateral (select r.machine_id, to_timestamp(r.from_us / 1e6) as from_time, to_timestamp(r.to_us / 1e6) as to_time) late
      where not exists (select 1 from machine_state s where s.machine_id = late.machine_id and s.started_at <= late.from_time)
         or exists (select 1 from machine_state s
                     where s.machine_id = late.machine_id and s.state = 'no_data'
                       and s.started_at <= late.to_time and (s.ended_at is null or s.ended_at >= late.from_time))`,
    [
      ranges.map(([machine]) => plant.machines[machine]?.machine_id),
      ranges.map(([, range]) => range.from_us),
      ranges.map(([, range]) => range.to_us),
    ],
  );
}
