-- Readings and their rollups on plain PostgreSQL: a range partition for each UTC day, and rollup tables that
-- refresh_rollups recomputes bucket by bucket. The same names as in timescale/000003_reading.sql.

create table reading (
  time      timestamptz not null,
  signal_id int4 not null,
  value     float8,                 -- NULL: the source said that it has no value
  quality   int2 not null           -- 192 good, 64 uncertain, 0 bad, 500 stale
) partition by range (time);
create unique index reading_key on reading (signal_id, time desc);
-- Finds the rows of a minute among the millions of a day; costs no WAL worth naming, where a btree costs 68 B a row.
create index reading_by_time on reading using brin (time) with (pages_per_range = 32, autosummarize = on);

-- What is kept how long, and what is gone: readings before dropped_before exist no more, or only by chance, so that no
-- rollup before it may be recomputed from them.
create table reading_retention (
  only_row       boolean primary key default true check (only_row),
  raw_days       int not null default 90 check (raw_days > 0),
  dropped_before timestamptz not null default '-infinity'
);
insert into reading_retention default values;

create procedure set_raw_retention(days int)
language sql
as $$ update reading_retention set raw_days = days where raw_days <> days $$;

-- The first minute whose readings are all kept.
create function first_kept_minute() returns timestamptz
language sql stable
as $$ select date_trunc('minute', dropped_before + interval '59.999999 s', 'UTC') from reading_retention $$;

-- Makes sure that every UTC day from from_time to to_time has its partition. The store calls it before it copies into
-- a day that it has not seen. Attaching takes a lock that lets readers and writers go on; creating the partition in
-- place would stop both.
create procedure ensure_reading_partitions(from_time timestamptz, to_time timestamptz)
language plpgsql
as $$
declare
  first_day date := (from_time at time zone 'UTC')::date;
  last_day  date := (to_time at time zone 'UTC')::date;
  day       date;
  partition text;
begin
  if last_day - first_day > 4000 then
    raise exception 'The readings span % days; at most 4000 can be given partitions at once.', last_day - first_day
      using errcode = 'invalid_parameter_value';
  end if;
  for day in select d::date from generate_series(first_day, last_day, interval '1 day') d loop
    partition := 'reading_' || to_char(day, 'YYYY_MM_DD');
    continue when to_regclass('public.' || partition) is not null;
    -- Two stores may meet a new day at once; the second waits here and then finds the partition. It looks into the table
    -- of tables, because to_regclass still remembers that there was none.
    perform pg_advisory_xact_lock(hashtext('reading partitions'));
    continue when exists (select from pg_class where relnamespace = 'public'::regnamespace and relname = partition);
    execute format('create table public.%I (like public.reading including defaults including storage)', partition);
    execute format('alter table public.reading attach partition public.%I for values from (%L) to (%L)',
                   partition, day::text || ' 00:00+00', (day + 1)::text || ' 00:00+00');
  end loop;
end $$;
call ensure_reading_partitions(now() - interval '1 day', now() + interval '7 days');

-- Rollups over fixed UTC buckets. sum … last are over usable values (good or uncertain, not null) and NULL without any;
-- count = usable rows, good_count = those of quality good, bad_count = rows left out (bad, stale or null).
create table reading_1m (
  bucket     timestamptz not null,
  signal_id  int4 not null,
  sum        float8,
  count      int8 not null,
  min        float8,
  max        float8,
  first      float8,
  last       float8,
  good_count int8 not null,
  bad_count  int8 not null,
  primary key (signal_id, bucket)
) with (fillfactor = 90);
create index reading_1m_by_bucket on reading_1m (bucket);
create table reading_1h (like reading_1m including all);
create table reading_1d (like reading_1m including all);
create table reading_1mo (like reading_1m including all);

-- The minutes of [from_time, to_time) recomputed from the readings. The rows are sorted first: one array of them then has
-- both first and last, and a sum is always added up in the same order, so that it differs only where a reading does.
create function compute_reading_1m(from_time timestamptz, to_time timestamptz)
returns setof reading_1m
language sql stable
as $$
  select bucket, signal_id, sum, count, min, max, usables[1], usables[array_upper(usables, 1)], good_count, bad_count
    from (select bucket, signal_id, sum(usable) as sum, count(usable) as count, min(usable) as min, max(usable) as max,
                 array_agg(usable) filter (where usable is not null) as usables,
                 count(usable) filter (where quality = 192) as good_count, count(*) - count(usable) as bad_count
            from (select date_bin('1 minute', time, 'epoch') as bucket, signal_id, quality,
                         case when quality in (64, 192) then value end as usable
                    from reading where time >= from_time and time < to_time
                   order by 1, 2, time) sorted
           group by bucket, signal_id) minute
$$;
create function compute_reading_1h(from_time timestamptz, to_time timestamptz, signals int[] default null)
returns setof reading_1h
language sql stable
as $$
  select start, signal_id, sum, count, min, max, firsts[1], lasts[array_upper(lasts, 1)], good_count, bad_count
    from (select start, signal_id, sum(sum) as sum, sum(count)::int8 as count, min(min) as min, max(max) as max,
                 array_agg(first) filter (where count > 0) as firsts, array_agg(last) filter (where count > 0) as lasts,
                 sum(good_count)::int8 as good_count, sum(bad_count)::int8 as bad_count
            from (select date_bin('1 hour', bucket, 'epoch') as start, f.* from reading_1m f
                   where bucket >= from_time and bucket < to_time and (signals is null or signal_id = any (signals))
                   order by 1, f.signal_id, f.bucket) sorted
           group by start, signal_id) coarser
$$;
create function compute_reading_1d(from_time timestamptz, to_time timestamptz, signals int[] default null)
returns setof reading_1d
language sql stable
as $$
  select start, signal_id, sum, count, min, max, firsts[1], lasts[array_upper(lasts, 1)], good_count, bad_count
    from (select start, signal_id, sum(sum) as sum, sum(count)::int8 as count, min(min) as min, max(max) as max,
                 array_agg(first) filter (where count > 0) as firsts, array_agg(last) filter (where count > 0) as lasts,
                 sum(good_count)::int8 as good_count, sum(bad_count)::int8 as bad_count
            from (select date_bin('1 day', bucket, 'epoch') as start, f.* from reading_1h f
                   where bucket >= from_time and bucket < to_time and (signals is null or signal_id = any (signals))
                   order by 1, f.signal_id, f.bucket) sorted
           group by start, signal_id) coarser
$$;
create function compute_reading_1mo(from_time timestamptz, to_time timestamptz, signals int[] default null)
returns setof reading_1mo
language sql stable
as $$
  select start, signal_id, sum, count, min, max, firsts[1], lasts[array_upper(lasts, 1)], good_count, bad_count
    from (select start, signal_id, sum(sum) as sum, sum(count)::int8 as count, min(min) as min, max(max) as max,
                 array_agg(first) filter (where count > 0) as firsts, array_agg(last) filter (where count > 0) as lasts,
                 sum(good_count)::int8 as good_count, sum(bad_count)::int8 as bad_count
            from (select date_trunc('month', bucket, 'UTC') as start, f.* from reading_1d f
                   where bucket >= from_time and bucket < to_time and (signals is null or signal_id = any (signals))
                   order by 1, f.signal_id, f.bucket) sorted
           group by start, signal_id) coarser
$$;

-- Makes the buckets of one level in [from_time, to_time) what its compute function says, of the given signals or of all:
-- changed ones are updated, unchanged ones left alone (no WAL, no bloat), vanished ones deleted. Answers the signals of
-- which something changed.
create function replace_rollups(level text, from_time timestamptz, to_time timestamptz, signals int[] default null) returns int[]
language plpgsql
as $$
declare
  changed int[];
begin
  execute format($sql$
    with computed as materialized (select * from compute_reading_%1$s(%2$s)),
    vanished as (
      delete from reading_%1$s r
       where r.bucket >= $1 and r.bucket < $2 and ($3 is null or r.signal_id = any ($3))
         and not exists (select from computed c where c.signal_id = r.signal_id and c.bucket = r.bucket)
      returning r.signal_id),
    written as (
      insert into reading_%1$s as r select * from computed
      on conflict (signal_id, bucket) do update
         set sum = excluded.sum, count = excluded.count, min = excluded.min, max = excluded.max, first = excluded.first,
             last = excluded.last, good_count = excluded.good_count, bad_count = excluded.bad_count
       where (r.sum, r.count, r.min, r.max, r.first, r.last, r.good_count, r.bad_count) is distinct from
             (excluded.sum, excluded.count, excluded.min, excluded.max, excluded.first, excluded.last, excluded.good_count, excluded.bad_count)
      returning r.signal_id)
    select coalesce(array_agg(distinct signal_id), '{}')
      from (select signal_id from vanished union all select signal_id from written) w
    $sql$, level, case level when '1m' then '$1, $2' else '$1, $2, $3' end)
    into changed using from_time, to_time, signals;
  return changed;
end $$;

-- Recomputes the buckets that touch [from_time, to_time], finest level first: the minutes from the readings, each coarser
-- level of the signals that changed, or of all. Minutes before the kept readings are never touched.
create procedure recompute_rollups(from_time timestamptz, to_time timestamptz, only_changed boolean)
language plpgsql
as $$
declare
  piece_from timestamptz;
  piece_to   timestamptz := date_trunc('minute', to_time, 'UTC') + interval '1 minute';
  changed    int[] := '{}';
begin
  -- They take turns: two recomputations of one bucket would overwrite each other with what each of them saw.
  perform pg_advisory_xact_lock(hashtext('refresh_rollups'));
  -- A full minute of the reference plant sorts in 8 MB; compiling would cost more than the whole.
  perform set_config('work_mem', '64MB', true), set_config('jit', 'off', true);
  piece_from := greatest(date_trunc('minute', from_time, 'UTC'), first_kept_minute());
  -- An hour at a time, so that a long range needs no more memory than a short one.
  while piece_from < piece_to loop
    changed := changed || replace_rollups('1m', piece_from, least(piece_from + interval '1 hour', piece_to));
    piece_from := piece_from + interval '1 hour';
  end loop;
  select array_agg(distinct signal_id) into changed from unnest(changed) signal_id;
  if only_changed and changed is null then return; end if;
  if not only_changed then changed := null; end if;
  perform replace_rollups('1h', date_trunc('hour', from_time, 'UTC'), date_trunc('hour', to_time, 'UTC') + interval '1 hour', changed);
  perform replace_rollups('1d', date_trunc('day', from_time, 'UTC'), date_trunc('day', to_time, 'UTC') + interval '1 day', changed);
  perform replace_rollups('1mo', date_trunc('month', from_time, 'UTC'),
                          date_trunc('month', to_time, 'UTC') + interval '1 month', changed);
end $$;

-- Brings the rollups of every bucket that touches [from_time, to_time] up to date. Safe to repeat and to call from many
-- sessions. One transaction, so long back-fills are best refreshed a day at a time.
create procedure refresh_rollups(from_time timestamptz, to_time timestamptz)
language plpgsql
as $$ begin call recompute_rollups(from_time, to_time, true); end $$;

-- The same, but without trusting what is there: for buckets that rollup_difference names.
create procedure repair_rollups(from_time timestamptz, to_time timestamptz)
language plpgsql
as $$ begin call recompute_rollups(from_time, to_time, false); end $$;

-- Drops the partitions whose readings are all older than the kept days (reading_retention.raw_days when NULL), and makes
-- those of the coming week. Answers how many were dropped. Rollups stay.
create function drop_expired_readings(days int default null) returns int
language plpgsql
as $$
declare
  keep_from timestamptz;
  expired   text;
  dropped   int := 0;
begin
  -- A refresh in progress must not see readings vanish under it.
  perform pg_advisory_xact_lock(hashtext('refresh_rollups'));
  select date_trunc('day', now() - make_interval(days => coalesce(days, raw_days)), 'UTC') into keep_from from reading_retention;
  for expired in
    select c.relname from pg_inherits i join pg_class c on c.oid = i.inhrelid
     where i.inhparent = 'reading'::regclass
       and to_date(substr(c.relname, 9), 'YYYY_MM_DD')::timestamp at time zone 'UTC' < keep_from
     order by 1
  loop
    execute format('drop table public.%I', expired);
    dropped := dropped + 1;
  end loop;
  if dropped > 0 then
    update reading_retention set dropped_before = greatest(dropped_before, keep_from);
  end if;
  call ensure_reading_partitions(now(), now() + interval '7 days');
  return dropped;
end $$;

-- The buckets that touch [from_time, to_time] and are not what recomputation gives: every level against the one below it,
-- the minutes against the readings. Sums may differ in the last digits, because floating-point addition depends on the
-- order.
create function rollup_difference(from_time timestamptz, to_time timestamptz)
returns table (level text, bucket timestamptz, signal_id int, stored jsonb, computed jsonb)
language plpgsql stable
as $$
declare
  unit  text;
  start timestamptz;
begin
  foreach level in array array['1m', '1h', '1d', '1mo'] loop
    unit := case level when '1m' then 'minute' when '1h' then 'hour' when '1d' then 'day' else 'month' end;
    start := date_trunc(unit, from_time, 'UTC');
    if level = '1m' then start := greatest(start, first_kept_minute()); end if;
    return query execute format($sql$
      select %1$L::text, coalesce(s.bucket, c.bucket), coalesce(s.signal_id, c.signal_id), to_jsonb(s), to_jsonb(c)
        from (select * from reading_%1$s where bucket >= $1 and bucket < $2) s
        full join compute_reading_%1$s($1, $2) c on c.signal_id = s.signal_id and c.bucket = s.bucket
       where (s.count, s.min, s.max, s.first, s.last, s.good_count, s.bad_count) is distinct from
             (c.count, c.min, c.max, c.first, c.last, c.good_count, c.bad_count)
          or (s.sum is null) <> (c.sum is null)
          or abs(s.sum - c.sum) > 1e-9 * greatest(abs(s.sum), abs(c.sum), 1)
      $sql$, level) using start, date_trunc(unit, to_time, 'UTC') + ('1 ' || unit)::interval;
  end loop;
end $$;

-- What the API's role may read: the readings of its organization's signals and nothing else. A security barrier, so
-- that a caller's own functions see no row before the organization is checked.
create view visible_reading with (security_barrier) as
  select r.time, r.signal_id, r.value, r.quality from reading r join signal s using (signal_id)
   where s.organization_id = current_organization_id();
create view visible_reading_1m with (security_barrier) as
  select r.* from reading_1m r join signal s using (signal_id) where s.organization_id = current_organization_id();
create view visible_reading_1h with (security_barrier) as
  select r.* from reading_1h r join signal s using (signal_id) where s.organization_id = current_organization_id();
create view visible_reading_1d with (security_barrier) as
  select r.* from reading_1d r join signal s using (signal_id) where s.organization_id = current_organization_id();
create view visible_reading_1mo with (security_barrier) as
  select r.* from reading_1mo r join signal s using (signal_id) where s.organization_id = current_organization_id();
grant select on visible_reading, visible_reading_1m, visible_reading_1h, visible_reading_1d, visible_reading_1mo to millrace_api;
