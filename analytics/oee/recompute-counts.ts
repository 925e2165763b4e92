import type { Connection } from '../../core/database.ts';
import type { Live } from '../feed/live.ts';
import { addCount, createOutcome, type CountChange } from '../feed/outcome.ts';
import { Role } from '../plant.ts';
import { gapUs } from '../states/machine-states.ts';
import { unplannedStates } from '../states/packml.ts';
import { counterGain } from './counters.ts';

const minuteUs = 60e6;

interface CountEvent {
  signal_id: number;
  time_us: number;
  value: number;
}

/** An interval whose pieces are left out of OEE; what was gained across a gap is left out as well. */
interface Unplanned {
  started_us: number;
  ended_us: number;
  is_gap: boolean;
}

/**
 * Computes the minutes of one machine again, from `reading`, around [fromUs, toUs]: up to the next reading of every
 * counter (its gain is shared differently) and the next order. Only readings that live processing has taken count, so
 * that what the feed still brings is added once. Answers the changes, for the caller to write after deleting
 * [first, last] minutes.
 */
export async function recomputeCounts(
  connection: Connection,
  live: Live,
  machine: number,
  fromUs: number,
  toUs: number,
): Promise<{ from_us: number; to_us: number; counts: CountChange[] }> {
  const { plant, last_us: lastUs } = live;
  const slots = (plant.machines[machine]?.slots ?? []).filter((slot) => {
    const role = plant.signals[slot]?.role;
    return role === Role.counter || role === Role.order;
  });
  const parameters = [slots.map((slot) => plant.signals[slot]?.signal_id), slots.map((slot) => lastUs[slot])] as const;
  const [next] = await connection.query<{ time_us: number | null }>(
    `select (extract(epoch from max(coalesce(r.time, to_timestamp(s.last_us / 1e6)))) * 1e6)::float8 as time_us
       from unnest($1::int[], $2::float8[]) as s(signal_id, last_us)
       left join lateral (select time from reading
                           where signal_id = s.signal_id and time > to_timestamp($3::float8 / 1e6)
                             and time <= to_timestamp(s.last_us / 1e6) and quality in (64, 192) and value is not null
                           order by time limit 1) r on true`,
    [...parameters, toUs],
  );
  const firstUs = Math.floor(fromUs / minuteUs) * minuteUs;
  const endUs = (Math.floor(Math.max(toUs, next?.time_us ?? toUs) / minuteUs) + 1) * minuteUs;

  const before = await connection.query<CountEvent>(
    `select s.signal_id, r.time_us, r.value
       from unnest($1::int[]) as s(signal_id)
      cross join lateral (select (extract(epoch from time) * 1e6)::float8 as time_us, value from reading
                           where signal_id = s.signal_id and time < to_timestamp($2::float8 / 1e6)
                             and quality in (64, 192) and value is not null
                           order by time desc limit 1) r`,
    [parameters[0], firstUs],
  );
  const during = await connection.query<CountEvent>(
    `select r.signal_id, (extract(epoch from r.time) * 1e6)::float8 as time_us, r.value
       from unnest($1::int[], $2::float8[]) as s(signal_id, last_us)
       join reading r using (signal_id)
      where r.time >= to_timestamp($3::float8 / 1e6) and r.time < to_timestamp($4::float8 / 1e6)
        and r.time <= to_timestamp(s.last_us / 1e6) and r.quality in (64, 192) and r.value is not null`,
    [...parameters, firstUs, endUs],
  );
  const unplanned = await connection.query<Unplanned>(
    `select (extract(epoch from started_at) * 1e6)::float8 as started_us, coalesce((extract(epoch from ended_at) * 1e6)::float8, 'Infinity') as ended_us,
            state = 'no_data' and ended_at - started_at > $2::float8 * interval '1 microsecond' as is_gap
       from machine_state
      where machine_id = $1 and state = any($3) and started_at < to_timestamp($4::float8 / 1e6)
        and (ended_at is null or ended_at > to_timestamp($5::float8 / 1e6))`,
    [
      plant.machines[machine]?.machine_id,
      gapUs,
      unplannedStates,
      endUs,
      Math.min(firstUs, ...before.map((event) => event.time_us)),
    ],
  );
  return {
    from_us: firstUs,
    to_us: endUs,
    counts: countEvents(live, machine, before, during, unplanned),
  };
}

function countEvents(
  live: Live,
  machine: number,
  before: readonly CountEvent[],
  during: readonly CountEvent[],
  unplanned: readonly Unplanned[],
): CountChange[] {
  const { plant } = live;
  const outcome = createOutcome();
  const last = new Map(before.map((event) => [event.signal_id, event]));
  let order = 0;
  for (const event of before) if (roleOf(live, event) === Role.order) order = event.value;
  // An order at the same moment as a count comes first: the pieces are the new product's.
  const sorted = during.toSorted(
    (a, b) => a.time_us - b.time_us || Number(roleOf(live, b) === Role.order) - Number(roleOf(live, a) === Role.order),
  );
  for (const event of sorted) {
    const signal = plant.signals[plant.slot_of[event.signal_id] ?? -1];
    if (signal?.role === Role.order) order = event.value;
    const previous = last.get(event.signal_id);
    last.set(event.signal_id, event);
    if (signal?.weights == null || previous === undefined) continue;
    const gain = counterGain(previous.value, event.value, signal.rollover);
    if (gain === 0) continue;
    addCount(outcome, {
      machine,
      minute_us: Math.floor(event.time_us / minuteUs) * minuteUs,
      order,
      observed: !unplanned.some(
        (span) =>
          (span.started_us < event.time_us && event.time_us <= span.ended_us) ||
          (span.is_gap && previous.time_us < span.ended_us && span.ended_us <= event.time_us),
      ),
      total: gain * signal.weights.total,
      good: gain * signal.weights.good,
      reject: gain * signal.weights.reject,
    });
  }
  return [...outcome.counts.values()];
}

function roleOf(live: Live, event: CountEvent): Role | undefined {
  return live.plant.signals[live.plant.slot_of[event.signal_id] ?? -1]?.role;
}
