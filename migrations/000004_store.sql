-- What the store writes beside the readings, all in the transaction of the batch.

-- The newest reading of a signal. Historical (store-and-forward) readings never move it backwards.
create table latest_value (
  signal_id   int primary key references signal on delete cascade,
  time        timestamptz not null,
  value       float8,
  quality     int2 not null,
  received_at timestamptz not null
) with (fillfactor = 50);

-- One ingest process. last_sequence makes the replay of a journal record after a crash harmless: a record whose
-- sequence is not above it has been committed already, books and feed included.
create table gateway (
  gateway_id        int2 primary key,
  -- Names the gateway's journal folder, so that a journal filled for one database is never stored in another.
  identity          uuid not null default gen_random_uuid(),
  last_sequence     int8 not null default 0,
  -- Heartbeat, every few seconds: what the journal holds that is not stored yet, and how the gateway feels.
  reported_at       timestamptz,
  journal_readings  int8 not null default 0,
  journal_bytes     int8 not null default 0,
  status            jsonb not null default '{}'
);

-- The feed: each stored batch once more, as columns (core/reading-columns.ts), in commit order.
create table reading_batch (
  gateway_id int2 not null references gateway,
  sequence   int8 not null,
  stored_at  timestamptz not null default clock_timestamp(),
  readings   int not null,
  payload    bytea not null,
  primary key (gateway_id, sequence)
);
alter table reading_batch alter column payload set storage external;
create index reading_batch_by_stored_at on reading_batch using brin (stored_at);

-- One row for each thing that speaks to us: an MQTT line, a Sparkplug edge node, an OPC UA server, back-filled files.
create table source (
  source_id       int primary key generated always as identity,
  organization_id int not null references organization,
  protocol        text not null check (protocol in ('mqtt', 'sparkplug', 'opcua', 'file')),
  name            text not null,
  connected       boolean,
  last_message_at timestamptz,
  skew_ms         float8,                      -- median of receive time minus source time
  status          jsonb not null default '{}',
  unique (organization_id, protocol, name)
);

-- The books, per source and minute of receipt: received = stored + duplicate + rejected + parked + dropped
-- (+ in journal).
create table ledger (
  organization_id int not null references organization,
  source_id       int not null references source on delete cascade,
  minute          timestamptz not null,
  received        int8 not null default 0,     -- counted by the receiver
  stored          int8 not null default 0,     -- counted by the store, from what the database answered
  duplicate       int8 not null default 0,
  conflict        int8 not null default 0,     -- of the duplicates: same time, different value (kept in rejected_reading)
  rejected        int8 not null default 0,
  parked          int8 not null default 0,
  dropped         int8 not null default 0,     -- thrown away by the gateway: journal full and JOURNAL_WHEN_FULL says to drop
  lost_upstream   int8 not null default 0,     -- sequence gaps and queue overflows: readings that never reached us
  late            int8 not null default 0,     -- of the stored: older than the live window
  from_future     int8 not null default 0,     -- of the rejected: stamped too far ahead
  untimed         int8 not null default 0,     -- of the stored: no source time, receive time used
  primary key (source_id, minute)
);

create table rejected_reading (
  rejected_reading_id int8 primary key generated always as identity,
  organization_id     int not null references organization,
  source_id           int not null references source on delete cascade,
  received_at         timestamptz not null,
  address             text not null,
  reason              text not null,           -- a code such as malformed_payload, not_a_number, far_future, conflict
  detail              text not null,           -- one sentence naming the thing, its value and what is accepted
  signal_id           int,
  time                timestamptz,
  value               float8,
  payload             bytea,                   -- the bytes as received, cut at 64 KiB
  resolved_at         timestamptz
);
create index rejected_reading_by_received_at on rejected_reading (received_at desc);

-- Addresses that speak but are mapped to no signal, and their readings until they are.
create table discovered_address (
  discovered_address_id int primary key generated always as identity,
  organization_id       int not null references organization,
  source_id             int not null references source on delete cascade,
  protocol              text not null,
  address               text not null,
  first_seen_at         timestamptz not null,
  last_seen_at          timestamptz not null,
  readings              int8 not null default 0,
  sample                text,
  ignored               boolean not null default false,
  unique (organization_id, protocol, address)
);

create table parked_reading (
  parked_reading_id     int8 primary key generated always as identity,
  organization_id       int not null references organization,
  discovered_address_id int not null references discovered_address on delete cascade,
  source_id             int not null references source on delete cascade,   -- in whose books it is counted as parked
  received_at           timestamptz not null,
  time                  timestamptz not null,
  value                 float8,
  text                  text,
  quality               int2 not null
);
create index parked_reading_by_address on parked_reading (discovered_address_id, time);

-- Source-time ranges that received data after their rollups were built; the rollup job refreshes and deletes them.
create table late_range (
  late_range_id int8 primary key generated always as identity,
  from_time     timestamptz not null,
  to_time       timestamptz not null,          -- inclusive
  machine_ids   int[] not null default '{}',   -- whose state or counter readings were late: recompute their slices
  noted_at      timestamptz not null default now()
);

-- The newest readings are readable like all others: through a signal that the role may see. The feed holds those of all
-- organizations in one buffer, so the API reads it as the owner and passes on what each listener may see.
alter table latest_value enable row level security;
create policy organization_isolation on latest_value for select
  using (signal_id in (select s.signal_id from signal s where s.organization_id = current_organization_id()));
grant select on latest_value, gateway to millrace_api;
call protect_by_organization('source', 'select');
call protect_by_organization('ledger', 'select');
call protect_by_organization('rejected_reading', 'select, update');
call protect_by_organization('discovered_address', 'select, update');
call protect_by_organization('parked_reading', 'select, delete');
