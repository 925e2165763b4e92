-- Where the rollups of a level can be written row by row.

-- The table of a level ('1m', '1h', '1d' or '1mo').
create function rollup_table(level text) returns text
language sql stable
as $$ select 'public.reading_' || level $$;
