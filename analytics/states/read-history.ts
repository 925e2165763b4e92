import type { Connection } from '../../core/database.ts';
import { isUsable, Quality } from '../../core/reading.ts';
import { type Plant, Role } from '../plant.ts';
import type { StateEvent } from './history.ts';
import { abortStates } from './packml.ts';

/**
 * The state events of one machine between two source times (both inclusive), as `reading` has them, as far as live
 * processing has come (`lastUs` per slot): what comes after that will still arrive through the feed.
 */
export async function readStateEvents(
  connection: Connection,
  plant: Plant,
  machine: number,
  fromUs: number,
  toUs: number,
  lastUs: Float64Array,
): Promise<StateEvent[]> {
  const { slots, silence_us: limitUs } = plant.machines[machine] ?? { slots: [], silence_us: 30e6 };
  const all: Signals = [slots.map((slot) => plant.signals[slot]?.signal_id), slots.map((slot) => lastUs[slot])];
  const toldSlots = slots.filter((slot) => isTold(plant.signals[slot]?.role));
  const told: Signals = [
    toldSlots.map((slot) => plant.signals[slot]?.signal_id),
    toldSlots.map((slot) => lastUs[slot]),
  ];

  const rows = await connection.prepared<{ signal_id: number; time_us: number; value: number | null; quality: number }>(
    'analytics read state events',
    `select r.signal_id, (extract(epoch from r.time) * 1e6)::float8 as time_us, r.value, r.quality
       from unnest($1::int[], $2::float8[]) as s(signal_id, last_us)
       join reading r using (signal_id)
      where r.time between to_timestamp($3::float8 / 1e6) and to_timestamp($4::float8 / 1e6)
        and (r.time <= to_timestamp(s.last_us / 1e6) or r.quality = 500)`,
    [...told, fromUs, toUs],
  );
  const events: StateEvent[] = [];
  const staleTimes: number[] = [];
  for (const { signal_id, time_us, value, quality } of rows) {
    const role = plant.signals[plant.slot_of[signal_id] ?? -1]?.role;
    if (!isTold(role)) continue;
    const stale = quality === Quality.stale;
    if (stale && role !== Role.state) continue;
    if (stale) staleTimes.push(time_us);
    events.push({
      kind: 'told',
      time_us,
      role,
      stale,
      value: value !== null && isUsable(quality) ? value : Number.NaN,
    });
  }
  events.push(...(await readSilences(connection, all, fromUs, toUs, limitUs)));
  if (staleTimes.length > 0) events.push(...(await readLastHeard(connection, all, staleTimes)));
  return events;
}

/**
 * What was last told by each signal before `startUs`, and when the machine was last heard before it: the memory with
 * which a range begins. It may lie long before.
 */
export async function readPrime(
  connection: Connection,
  plant: Plant,
  machine: number,
  startUs: number,
): Promise<StateEvent[]> {
  const slots = plant.machines[machine]?.slots ?? [];
  const rows = await connection.prepared<{ signal_id: number; time_us: number; value: number | null; quality: number }>(
    'analytics read prime',
    `select s.signal_id, r.time_us, r.value, r.quality
       from unnest($1::int[], $2::bool[]) as s(signal_id, is_state)
      cross join lateral (select (extract(epoch from time) * 1e6)::float8 as time_us, value, quality from reading
                           where signal_id = s.signal_id and time < to_timestamp($3::float8 / 1e6)
                             and (s.is_state or (quality in (64, 192) and value is not null))
                           order by time desc limit 1) r`,
    [
      slots.map((slot) => plant.signals[slot]?.signal_id),
      slots.map((slot) => plant.signals[slot]?.role === Role.state),
      startUs,
    ],
  );
  const events: StateEvent[] = [];
  let heardUs: number | null = null;
  for (const { signal_id, time_us, value, quality } of rows) {
    const stale = quality === Quality.stale;
    if (!stale) heardUs = Math.max(heardUs ?? time_us, time_us);
    const role = plant.signals[plant.slot_of[signal_id] ?? -1]?.role;
    if (!isTold(role)) continue;
    events.push({
      kind: 'told',
      time_us,
      role,
      stale,
      value: value !== null && isUsable(quality) ? value : Number.NaN,
    });
  }
  if (heardUs !== null) events.push({ kind: 'heard', time_us: heardUs, before_us: heardUs });
  events.push(...(await readStopped(connection, plant, machine, startUs)));
  return events;
}

/** When the machine last ran before `startUs`, by its stored intervals, and whether from then on its order changed and it broke down. */
async function readStopped(
  connection: Connection,
  plant: Plant,
  machine: number,
  startUs: number,
): Promise<StateEvent[]> {
  const { machine_id: machineId, slots = [] } = plant.machines[machine] ?? {};
  const orders = slots.flatMap((slot) => {
    const signal = plant.signals[slot];
    return signal?.role === Role.order ? signal.signal_id : [];
  });
  return connection.prepared<StateEvent>(
    'analytics read stopped',
    `with ran as (select (
       select ended_at from machine_state
        where machine_id = $1 and state = 'running' and started_at < to_timestamp($3::float8 / 1e6)
          and ended_at <= to_timestamp($3::float8 / 1e6)
        order by started_at desc limit 1) as ended_at)
     select 'stopped' as kind, $3::float8 as time_us, (extract(epoch from ended_at) * 1e6)::float8 as stopped_us,
            exists (select 1 from unnest($2::int[]) as s(signal_id)
                     cross join lateral (select value from reading
                                          where signal_id = s.signal_id and time < ran.ended_at and quality in (64, 192) and value is not null
                                          order by time desc limit 1) before
                      join reading r on r.signal_id = s.signal_id and r.time >= ran.ended_at and r.time < to_timestamp($3::float8 / 1e6)
                       and r.quality in (64, 192) and r.value <> before.value) as ordered,
            exists (select 1 from machine_state
                     where machine_id = $1 and state = 'down' and (fault_code is not null or packml_state = any($4))
                       and started_at >= coalesce(ran.ended_at, '-infinity') and ended_at <= to_timestamp($3::float8 / 1e6)) as failed
       from ran`,
    [machineId, orders, startUs, abortStates],
  );
}

type Signals = [ids: (number | undefined)[], lastUs: (number | undefined)[]];

/** A machine says ten things a second, and only the gaps matter: the database lists both sides of each (`listSilences`). */
async function readSilences(
  connection: Connection,
  signals: Signals,
  fromUs: number,
  toUs: number,
  limitUs: number,
): Promise<StateEvent[]> {
  return connection.prepared<StateEvent & { kind: 'heard' }>(
    'analytics read silences',
    `with heard as (
       select distinct r.time
         from unnest($1::int[], $2::float8[]) as s(signal_id, last_us)
         join reading r using (signal_id)
        where r.time between to_timestamp($3::float8 / 1e6) and to_timestamp($4::float8 / 1e6)
          and r.time <= to_timestamp(s.last_us / 1e6) and r.quality <> 500)
     , neighbour as (select time, lag(time) over w as before, lead(time) over w as after from heard window w as (order by time))
     select 'heard' as kind, (extract(epoch from time) * 1e6)::float8 as time_us,
            (extract(epoch from before) * 1e6)::float8 as before_us
       from neighbour
      where before is null or after is null
         or (extract(epoch from time) - extract(epoch from before)) * 1e6 > $5::float8`,
    [...signals, fromUs, toUs, limitUs],
  );
}

/** For each moment at which a source was found dead: the last reading of the machine before it. */
async function readLastHeard(
  connection: Connection,
  signals: Signals,
  times: readonly number[],
): Promise<StateEvent[]> {
  return connection.prepared<StateEvent & { kind: 'heard' }>(
    'analytics read last heard',
    `select 'heard' as kind, (extract(epoch from heard.time) * 1e6)::float8 as time_us,
            (extract(epoch from heard.time) * 1e6)::float8 as before_us
       from unnest($3::float8[]) as stale(time_us)
      cross join lateral (
            select max(r.time) as time
              from unnest($1::int[], $2::float8[]) as s(signal_id, last_us)
             cross join lateral (select time from reading
                                  where signal_id = s.signal_id and quality <> 500
                                    and time <= least(to_timestamp(stale.time_us / 1e6), to_timestamp(s.last_us / 1e6))
                                  order by time desc limit 1) r) heard
      where heard.time is not null`,
    [...signals, times],
  );
}

function isTold(
  role: number | undefined,
): role is typeof Role.state | typeof Role.mode | typeof Role.order | typeof Role.fault {
  return role === Role.state || role === Role.mode || role === Role.order || role === Role.fault;
}
