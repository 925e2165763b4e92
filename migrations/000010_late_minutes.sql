-- A late reading changes one minute of one signal. Recomputing that minute for all signals of the plant, and its hour, is
-- what takes the time (93 ms and 88 ms on TimescaleDB with 12.8 million readings of 1,781 signals); the touched minutes of
-- the touched signals take 3 ms.

-- Which minutes of which signals a late range touched, as two arrays of one length; NULL: too many to list, so that all
-- signals of the range are refreshed.
alter table late_range add column minute_signal_ids int[];
alter table late_range add column minutes timestamptz[];
alter table late_range add check (cardinality(minute_signal_ids) = cardinality(minutes));

-- Makes the buckets of one level what the level below it (the readings, for minutes) says, for the given signals and
-- bucket starts (two arrays of one length, without repetitions). The rows are taken in order of time, so that a sum
-- differs only where a reading does.
create procedure replace_rollup_buckets(level text, signals int[], starts timestamptz[])
language plpgsql
as $$
declare
  width      text := case level when '1m' then '1 minute' when '1h' then '1 hour' when '1d' then '1 day' else '1 month' end;
  -- Constant bounds let the planner leave out the partitions and chunks of other days.
  first_from timestamptz := (select min(s) from unnest(starts) s);
  last_to    timestamptz := ((select max(s) from unnest(starts) s) at time zone 'UTC' + width::interval) at time zone 'UTC';
  source     text;
begin
  if level = '1m' then
    source := $sql$
      select sum(usable) as sum, count(usable) as count, min(usable) as min, max(usable) as max,
             array_agg(usable) filter (where usable is not null) as firsts,
             array_agg(usable) filter (where usable is not null) as lasts,
             count(usable) filter (where quality = 192) as good_count, count(*) - count(usable) as bad_count
        from (select quality, case when quality in (64, 192) then value end as usable from reading
               where signal_id = k.signal_id and time >= k.start and time < k.start + interval '1 minute'
                 and time >= $3 and time < $4
               order by time) r
      having count(*) > 0$sql$;
  else
    source := format($sql$
      select sum(sum) as sum, sum(count)::int8 as count, min(min) as min, max(max) as max,
             array_agg(first) filter (where count > 0) as firsts, array_agg(last) filter (where count > 0) as lasts,
             sum(good_count)::int8 as good_count, sum(bad_count)::int8 as bad_count
        from (select * from reading_%s
               where signal_id = k.signal_id and bucket >= k.start
                 and bucket < (k.start at time zone 'UTC' + interval %L) at time zone 'UTC'
                 and bucket >= $3 and bucket < $4
               order by bucket) f
      having count(*) > 0$sql$, case level when '1h' then '1m' when '1d' then '1h' else '1d' end, width);
  end if;
  execute format($sql$
    delete from %s r using unnest($1, $2) as k(signal_id, start)
     where r.signal_id = k.signal_id and r.bucket = k.start and r.bucket >= $3 and r.bucket < $4$sql$, rollup_table(level))
    using signals, starts, first_from, last_to;
  execute format($sql$
    insert into %s (bucket, signal_id, sum, count, min, max, first, last, good_count, bad_count)
    select k.start, k.signal_id, c.sum, c.count, c.min, c.max, c.firsts[1], c.lasts[array_upper(c.lasts, 1)], c.good_count, c.bad_count
      from unnest($1, $2) as k(signal_id, start) cross join lateral (%s) c$sql$, rollup_table(level), source)
    using signals, starts, first_from, last_to;
end $$;

-- Brings the rollups of every level up to date for single minutes of single signals: two arrays of one length, any times
-- within the minutes. Minutes before the kept readings are never touched. One transaction. It takes turns with
-- refresh_rollups; a bucket that was never refreshed as a whole gets the rows of these signals now, and the others then.
create procedure refresh_rollup_minutes(signals int[], times timestamptz[])
language plpgsql
as $$
declare
  level       text;
  of_level    record;
begin
  if cardinality(signals) <> cardinality(times) then
    raise exception '% signals and % times were given; give one time for each signal.', cardinality(signals), cardinality(times)
      using errcode = 'invalid_parameter_value';
  end if;
  perform set_config('lock_timeout', '10min', true), set_config('jit', 'off', true);
  perform pg_advisory_xact_lock(hashtext('refresh_rollups'));
  foreach level in array array['1m', '1h', '1d', '1mo'] loop
    -- A day at a time for the minutes (a month for what is coarser), so that a statement plans few partitions.
    for of_level in
      select array_agg(signal_id) as signals, array_agg(start) as starts
        from (select distinct k.signal_id,
                     date_trunc(case level when '1m' then 'minute' when '1h' then 'hour' when '1d' then 'day' else 'month' end,
                                k.time, 'UTC') as start
                from unnest(refresh_rollup_minutes.signals, times) as k(signal_id, time)) b
       where level <> '1m' or start >= first_kept_minute()
       group by date_trunc(case level when '1m' then 'day' else 'month' end, start, 'UTC')
    loop
      call replace_rollup_buckets(level, of_level.signals, of_level.starts);
    end loop;
  end loop;
end $$;
