-- The UTC days before `before` for which there is room on disk already: chunks of readings.
create function reading_days_before(before timestamptz) returns setof date
language sql stable
as $$
  select distinct (range_start at time zone 'UTC')::date from timescaledb_information.chunks
   where hypertable_schema = 'public' and hypertable_name = 'reading' and range_start < before
$$;
