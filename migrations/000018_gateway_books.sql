-- What the journal's own count says of the last committed record (ingest/journal/format.md): readings of all records up
-- to it, modulo 2^32. A record that is lost in the journal is missing between this and the next one's, and is booked.
-- And whose gateway it is, so that its troubles become alarms of that organization.
alter table gateway
  add column journal_total   int8 not null default 0,
  add column organization_id int references organization;
