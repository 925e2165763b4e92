-- The UTC days before `before` for which there is room on disk already: partitions of readings.
create function reading_days_before(before timestamptz) returns setof date
language sql stable
as $$
  select to_date(substr(c.relname, 9), 'YYYY_MM_DD') from pg_inherits i join pg_class c on c.oid = i.inhrelid
   where i.inhparent = 'public.reading'::regclass
     and to_date(substr(c.relname, 9), 'YYYY_MM_DD')::timestamp at time zone 'UTC' < before
$$;
