-- Where the rollups of a level can be written row by row.

-- The table under a level ('1m', '1h', '1d' or '1mo'): the continuous aggregate's own hypertable. Writing to it is how
-- TimescaleDB itself moves aggregates (cagg_migrate); its next refresh of the same bucket replaces what stands there.
create function rollup_table(level text) returns text
language sql stable
as $$
  select format('%I.%I', materialization_hypertable_schema, materialization_hypertable_name)
    from timescaledb_information.continuous_aggregates
   where view_schema = 'public' and view_name = 'reading_' || level
$$;
