-- Slices that a recomputation has marked, however old: the sweep takes all of them, and there are hardly ever any.
create index oee_slice_marked on oee_slice (started_at) where computed_to = started_at;
