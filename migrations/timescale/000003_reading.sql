-- Readings and their rollups on TimescaleDB Community: a hypertable with columnstore, and hierarchical continuous
-- aggregates that refresh_rollups refreshes. The same names as in postgres/000003_reading.sql.

create table reading (
  time      timestamptz not null,
  signal_id int4 not null,
  value     float8,                 -- NULL: the source said that it has no value
  quality   int2 not null           -- 192 good, 64 uncertain, 0 bad, 500 stale
);
-- At 1,781 readings a second 6 hours are 38 million rows with an index of 1.5 GB: the chunk that is written to stays
-- within a quarter of the memory of a small server. The default index on time would cost 68 B of WAL a row.
select create_hypertable('reading', by_range('time', interval '6 hours'), create_default_indexes => false);
create unique index reading_key on reading (signal_id, time desc);
create index reading_by_time on reading using brin (time) with (pages_per_range = 32, autosummarize = on);

-- Compressed a day after the end of the chunk: most late readings (outages of hours) have landed by then; later ones
-- still land, at the cost of decompressing the segments that they touch.
alter table reading set (timescaledb.enable_columnstore, timescaledb.segmentby = 'signal_id', timescaledb.orderby = 'time desc');
call add_columnstore_policy('reading', after => interval '1 day');

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

-- Chunks are made by the hypertable itself; the procedure is here so that the store need not know on which engine it is.
create procedure ensure_reading_partitions(from_time timestamptz, to_time timestamptz)
language plpgsql
as $$ begin end $$;

-- Rollups over fixed UTC buckets (time_bucket without a time zone is UTC). sum … last are over usable values (good or
-- uncertain, not null) and NULL without any; count = usable rows, good_count = those of quality good, bad_count = rows
-- left out (bad, stale or null). Materialized only: a query never aggregates readings behind the reader's back.
create materialized view reading_1m
with (timescaledb.continuous, timescaledb.materialized_only = true, timescaledb.chunk_interval = '7 days') as
  select time_bucket('1 minute', time) as bucket, signal_id,
         sum(value) filter (where quality in (64, 192)) as sum,
         count(value) filter (where quality in (64, 192)) as count,
         min(value) filter (where quality in (64, 192)) as min,
         max(value) filter (where quality in (64, 192)) as max,
         first(value, time) filter (where quality in (64, 192) and value is not null) as first,
         last(value, time) filter (where quality in (64, 192) and value is not null) as last,
         count(value) filter (where quality = 192) as good_count,
         count(*) - count(value) filter (where quality in (64, 192)) as bad_count
    from reading group by 1, 2
  with no data;
create materialized view reading_1h
with (timescaledb.continuous, timescaledb.materialized_only = true, timescaledb.chunk_interval = '90 days') as
  select time_bucket('1 hour', bucket) as bucket, signal_id,
         sum(sum) as sum, sum(count)::int8 as count, min(min) as min, max(max) as max,
         first(first, bucket) filter (where count > 0) as first,
         last(last, bucket) filter (where count > 0) as last,
         sum(good_count)::int8 as good_count, sum(bad_count)::int8 as bad_count
    from reading_1m group by 1, 2
  with no data;
create materialized view reading_1d
with (timescaledb.continuous, timescaledb.materialized_only = true, timescaledb.chunk_interval = '1 year') as
  select time_bucket('1 day', bucket) as bucket, signal_id,
         sum(sum) as sum, sum(count)::int8 as count, min(min) as min, max(max) as max,
         first(first, bucket) filter (where count > 0) as first,
         last(last, bucket) filter (where count > 0) as last,
         sum(good_count)::int8 as good_count, sum(bad_count)::int8 as bad_count
    from reading_1h group by 1, 2
  with no data;
create materialized view reading_1mo
with (timescaledb.continuous, timescaledb.materialized_only = true, timescaledb.chunk_interval = '10 years') as
  select time_bucket('1 month', bucket) as bucket, signal_id,
         sum(sum) as sum, sum(count)::int8 as count, min(min) as min, max(max) as max,
         first(first, bucket) filter (where count > 0) as first,
         last(last, bucket) filter (where count > 0) as last,
         sum(good_count)::int8 as good_count, sum(bad_count)::int8 as bad_count
    from reading_1d group by 1, 2
  with no data;

-- What the rollups of [from_time, to_time) ought to be, for rollup_difference: each level from the one below it.
create function compute_reading_1m(from_time timestamptz, to_time timestamptz)
returns setof reading_1m
language sql stable
as $$
  select time_bucket('1 minute', time), signal_id,
         sum(usable), count(usable), min(usable), max(usable),
         first(usable, time) filter (where usable is not null),
         last(usable, time) filter (where usable is not null),
         count(usable) filter (where quality = 192),
         count(*) - count(usable)
    from (select time, signal_id, quality, case when quality in (64, 192) then value end as usable
            from reading where time >= from_time and time < to_time) r
   group by 1, 2
$$;
create function compute_reading_1h(from_time timestamptz, to_time timestamptz)
returns setof reading_1h
language sql stable
as $$
  select time_bucket('1 hour', bucket), signal_id,
         sum(sum), sum(count)::int8, min(min), max(max),
         first(first, bucket) filter (where count > 0), last(last, bucket) filter (where count > 0),
         sum(good_count)::int8, sum(bad_count)::int8
    from reading_1m where bucket >= from_time and bucket < to_time
   group by 1, 2
$$;
create function compute_reading_1d(from_time timestamptz, to_time timestamptz)
returns setof reading_1d
language sql stable
as $$
  select time_bucket('1 day', bucket), signal_id,
         sum(sum), sum(count)::int8, min(min), max(max),
         first(first, bucket) filter (where count > 0), last(last, bucket) filter (where count > 0),
         sum(good_count)::int8, sum(bad_count)::int8
    from reading_1h where bucket >= from_time and bucket < to_time
   group by 1, 2
$$;
create function compute_reading_1mo(from_time timestamptz, to_time timestamptz)
returns setof reading_1mo
language sql stable
as $$
  select time_bucket('1 month', bucket), signal_id,
         sum(sum), sum(count)::int8, min(min), max(max),
         first(first, bucket) filter (where count > 0), last(last, bucket) filter (where count > 0),
         sum(good_count)::int8, sum(bad_count)::int8
    from reading_1d where bucket >= from_time and bucket < to_time
   group by 1, 2
$$;

-- Recomputes the buckets that touch [from_time, to_time], finest level first: where something was written since the last
-- time, or everywhere with `force`. Minutes before the kept readings are never touched: refreshing where chunks were
-- dropped would delete their rollups. Cannot run inside a transaction.
--
-- Callers take turns, because TimescaleDB refuses overlapping refreshes of one aggregate (and lost invalidations in
-- releases before 2.28.3). The lock is the session's, because a refresh commits in between. When the call fails, the
-- lock goes with the connection: core/database.ts closes a connection on which a statement has failed.
create procedure recompute_rollups(from_time timestamptz, to_time timestamptz, force boolean)
language plpgsql
as $$
declare
  minute_from timestamptz;
  minute_to   timestamptz := date_trunc('minute', to_time, 'UTC') + interval '1 minute';
  old_jit     text := current_setting('jit');
  old_memory  text := current_setting('work_mem');
  -- One refresh of the whole window: in 2.28 the incremental way misses a bucket on whose start an invalidation ends
  -- (TimescaleDB issue 10221).
  whole       jsonb := '{"buckets_per_batch": 0}';
begin
  perform set_config('lock_timeout', '10min', true);
  perform pg_advisory_lock(hashtext('refresh_rollups'));
  -- For the session, because a refresh commits in between. A full minute of the reference plant sorts in 8 MB; compiling
  -- would cost more than the whole.
  perform set_config('work_mem', '64MB', false), set_config('jit', 'off', false);
  minute_from := greatest(date_trunc('minute', from_time, 'UTC'), first_kept_minute());
  if minute_from < minute_to then
    call refresh_continuous_aggregate('reading_1m', minute_from, minute_to, force, whole);
  end if;
  call refresh_continuous_aggregate('reading_1h', date_trunc('hour', from_time, 'UTC'),
                                    date_trunc('hour', to_time, 'UTC') + interval '1 hour', force, whole);
  call refresh_continuous_aggregate('reading_1d', date_trunc('day', from_time, 'UTC'),
                                    date_trunc('day', to_time, 'UTC') + interval '1 day', force, whole);
  -- Always forced. A month is a bucket of variable width, and of a change from one month into the first day of the next
  -- TimescaleDB 2.28.3 recomputes only the first month: the change ends exactly on the start of the second one. A test in
  -- rollups.db.test.ts shows it. Forcing reads 31 days, some 55,000 rows.
  call refresh_continuous_aggregate('reading_1mo', date_trunc('month', from_time, 'UTC'),
                                    date_trunc('month', to_time, 'UTC') + interval '1 month', true, whole);
  perform set_config('work_mem', old_memory, false), set_config('jit', old_jit, false);
  perform pg_advisory_unlock(hashtext('refresh_rollups'));
end $$;

-- Brings the rollups of every bucket that touches [from_time, to_time] up to date. Safe to repeat and to call from many
-- sessions.
create procedure refresh_rollups(from_time timestamptz, to_time timestamptz)
language plpgsql
as $$ begin call recompute_rollups(from_time, to_time, false); end $$;

-- The same, but without trusting what is there: for buckets that rollup_difference names.
create procedure repair_rollups(from_time timestamptz, to_time timestamptz)
language plpgsql
as $$ begin call recompute_rollups(from_time, to_time, true); end $$;

-- Drops the chunks whose readings are all older than the kept days (reading_retention.raw_days when NULL). Answers how
-- many were dropped. Rollups stay.
create function drop_expired_readings(days int default null) returns int
language plpgsql
as $$
declare
  keep_from timestamptz;
  dropped   int;
begin
  -- A refresh in progress must not see readings vanish under it.
  perform pg_advisory_xact_lock(hashtext('refresh_rollups'));
  select date_trunc('day', now() - make_interval(days => coalesce(drop_expired_readings.days, raw_days)), 'UTC')
    into keep_from from reading_retention;
  select count(*) into dropped from drop_chunks('reading', older_than => keep_from);
  if dropped > 0 then
    update reading_retention set dropped_before = greatest(dropped_before, keep_from);
  end if;
  return dropped;
end $$;

-- The retention policy. TimescaleDB's own would not note what it dropped, and the next refresh would wipe the rollups.
create procedure drop_expired_readings_job(job_id int, config jsonb)
language plpgsql
as $$ begin perform drop_expired_readings(); end $$;
select add_job('drop_expired_readings_job', interval '1 day');

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
