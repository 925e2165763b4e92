import type { Connection, Database } from '../../core/database.ts';

/**
 * Makes this transaction the only one that changes slices, until it ends. Two jobs that met the same slices in different
 * orders ended in `deadlock detected` once in nearly every start of the plant; and a job that had read the states before
 * a recomputation would have written its old figures over the mark that asks for new ones.
 */
export async function lockSlices(connection: Connection): Promise<void> {
  await connection.query("select pg_advisory_xact_lock(hashtext('analytics oee slices'))");
}

/**
 * Computes the OEE slices (a machine's shift, cut at full UTC hours) that are not finished yet, or that are asked for:
 * those of `machineIds` that overlap [fromMs, toMs). One statement for the whole plant; it reads each machine's few
 * intervals and minutes of the hour and writes one row a slice.
 *
 * What is time of which kind (docs/oee.md): no_data is a bucket of its own; in breaks only running time counts (a break
 * that is worked is worked); planned_stop is outside planned time; everything else outside breaks is planned. Pieces made
 * unobserved are left out, as is the time in which they were made. A line without any ideal cycle has no ideal time, not 0. Time before a machine was first heard is no time of
 * it: it has no slice and no second.
 *
 * A slice is finished (computed_to = ended_at, not looked at again) when the machine was heard a minute beyond it; until
 * then it lacks a microsecond. In a silence its readings may be waiting in a gateway, and a counter may be seconds behind
 * the machine's other signals.
 */
export async function writeSlices(
  database: Database,
  range: { from_ms: number; to_ms: number; machine_ids?: readonly number[] | undefined },
): Promise<number> {
  const chosen = range.machine_ids ?? null;
  return database.withTransaction(async (connection) => {
    // A statement of its own, so that the next one sees what the job before has committed.
    await lockSlices(connection);
    return connection.execute(slicesSql, [range.from_ms, range.to_ms, chosen]);
  });
}

/** Slices that a recomputation has marked, whatever their age, as ranges of a machine's days: what lost doorbells asked for. */
export async function readMarkedSlices(
  database: Database,
): Promise<{ machine_ids: number[]; from_ms: number; to_ms: number }[]> {
  return database.query(
    `select array[machine_id] as machine_ids, (extract(epoch from min(started_at)) * 1000)::float8 as from_ms,
            (extract(epoch from max(ended_at)) * 1000)::float8 as to_ms
       from oee_slice where computed_to = started_at group by machine_id, date_trunc('day', started_at) order by machine_id, 2`,
  );
}

const slicesSql = `with wanted as materialized (
       -- A database from before shifts were cut against each other may hold two that run in one hour: the first has it.
       select distinct on (m.machine_id, greatest(hour, s.started_at)) m.organization_id, m.machine_id, m.line_id, s.shift_instance_id, s.breaks,
              greatest(hour, s.started_at) as started_at, least(hour + interval '1 hour', s.ended_at) as ended_at,
              p.known_to, p.heard_at, first_heard.at as first_heard
         from machine m
         join machine_progress p using (machine_id)
        cross join lateral (select min(started_at) as at from machine_state where machine_id = m.machine_id) first_heard
         join line l on l.line_id = m.line_id
         join shift_instance s on s.site_id = l.site_id
          and s.started_at < least(to_timestamp($2::float8 / 1000), p.known_to) and s.ended_at > to_timestamp($1::float8 / 1000)
        cross join lateral generate_series(date_trunc('hour', greatest(s.started_at, to_timestamp($1::float8 / 1000))),
                                           least(s.ended_at, to_timestamp($2::float8 / 1000), p.known_to), interval '1 hour') hour
        where hour < s.ended_at and ($3::int[] is null or m.machine_id = any($3))
        order by m.machine_id, greatest(hour, s.started_at), s.started_at, s.shift_instance_id)
     , slice as materialized (
       select w.*, tstzrange(w.started_at, least(w.ended_at, w.known_to)) as known,
              least(w.ended_at - case when w.heard_at >= w.ended_at + interval '1 minute' then interval '0'
                                      else interval '1 microsecond' end, w.known_to) as computed_to
         from wanted w
         left join oee_slice o on o.machine_id = w.machine_id and o.started_at = w.started_at
        where w.started_at < least(w.ended_at, w.known_to) and w.ended_at > w.first_heard
          and ($3::int[] is not null or o.computed_to is null or o.computed_to < o.ended_at))
     , timed as (
       select slice.machine_id, slice.started_at,
              sum(seconds - in_break) filter (where state = 'no_data') as no_data,
              sum(seconds - in_break) filter (where state = 'planned_stop') as planned_stop,
              sum(seconds) filter (where state = 'running') as running,
              sum(seconds - in_break) filter (where state = 'idle') as idle,
              sum(seconds - in_break) filter (where state = 'starved') as starved,
              sum(seconds - in_break) filter (where state = 'held') as held,
              sum(seconds - in_break) filter (where state = 'setup') as setup,
              sum(seconds - in_break) filter (where state = 'down') as down
         from slice
        cross join lateral (
              select i.state, extract(epoch from upper(part.known) - lower(part.known))::float8 as seconds,
                     coalesce((select sum(extract(epoch from upper(b) - lower(b)))::float8
                                 from unnest(slice.breaks * tstzmultirange(part.known)) b), 0) as in_break
                from (select state, started_at, ended_at from machine_state
                       where machine_id = slice.machine_id and started_at >= slice.started_at and started_at < slice.computed_to
                      union all
                      (select state, started_at, ended_at from machine_state
                        where machine_id = slice.machine_id and started_at < slice.started_at
                        order by started_at desc limit 1)) i
               cross join lateral (select slice.known * tstzrange(i.started_at, i.ended_at) as known) part
               where not isempty(part.known)) piece
        group by 1, 2)
     , counted as (
       select slice.machine_id, slice.started_at,
              sum(total_count) as total, sum(good_count) as good, sum(reject_count) as reject,
              case when bool_and(c.ideal_cycle_seconds is not null or total_count = 0)
                   then sum(coalesce(c.ideal_cycle_seconds, 0) * total_count) end as ideal_total,
              case when bool_and(c.ideal_cycle_seconds is not null or total_count = 0)
                   then sum(coalesce(c.ideal_cycle_seconds, 0) * good_count) end as ideal_good
         from slice
         join production_minute p on p.machine_id = slice.machine_id
          and p.minute >= slice.started_at and p.minute < slice.ended_at and p.observed
         left join ideal_cycle c on c.line_id = slice.line_id and c.product_id = p.product_id
        group by 1, 2)
     insert into oee_slice as o (organization_id, machine_id, shift_instance_id, started_at, ended_at, computed_to,
            planned_seconds, running_seconds, idle_seconds, starved_seconds, held_seconds, setup_seconds, down_seconds,
            planned_stop_seconds, no_data_seconds, total_count, good_count, reject_count, ideal_total_seconds, ideal_good_seconds)
     select slice.organization_id, slice.machine_id, slice.shift_instance_id, slice.started_at, slice.ended_at, slice.computed_to,
            coalesce(running, 0) + coalesce(idle, 0) + coalesce(starved, 0) + coalesce(held, 0) + coalesce(setup, 0) + coalesce(down, 0),
            coalesce(running, 0), coalesce(idle, 0), coalesce(starved, 0), coalesce(held, 0), coalesce(setup, 0), coalesce(down, 0),
            coalesce(planned_stop, 0),
            coalesce(no_data, 0),
            coalesce(counted.total, 0), coalesce(good, 0), coalesce(reject, 0),
            case when counted.machine_id is not null then ideal_total when cycle.is_known then 0 end,
            case when counted.machine_id is not null then ideal_good when cycle.is_known then 0 end
       from slice
       left join timed using (machine_id, started_at)
       left join counted using (machine_id, started_at)
      cross join lateral (select exists (select from ideal_cycle c where c.line_id = slice.line_id) as is_known) cycle
      order by machine_id, started_at
     on conflict (machine_id, started_at) do update
        set shift_instance_id = excluded.shift_instance_id, ended_at = excluded.ended_at, computed_to = excluded.computed_to,
            planned_seconds = excluded.planned_seconds, running_seconds = excluded.running_seconds, idle_seconds = excluded.idle_seconds,
            starved_seconds = excluded.starved_seconds, held_seconds = excluded.held_seconds, setup_seconds = excluded.setup_seconds,
            down_seconds = excluded.down_seconds, planned_stop_seconds = excluded.planned_stop_seconds,
            no_data_seconds = excluded.no_data_seconds, total_count = excluded.total_count, good_count = excluded.good_count,
            reject_count = excluded.reject_count, ideal_total_seconds = excluded.ideal_total_seconds,
            ideal_good_seconds = excluded.ideal_good_seconds, computed_at = now()`;
