-- Machine states, shifts and the additive components of OEE.

-- Half-open intervals [started_at, ended_at) in which a machine was in one state; the open one has no end.
create table machine_state (
  machine_state_id int8 primary key generated always as identity,
  organization_id  int not null references organization,
  machine_id       int not null references machine on delete cascade,
  started_at       timestamptz not null,
  ended_at         timestamptz,
  -- running: producing (PackML Execute); starting/stopping transitions are idle; starved: Suspended; held: Held;
  -- setup: changeover; down: Stopped/Aborted; planned_stop: maintenance mode; no_data: nothing heard, never counted.
  state            text not null check (state in ('running', 'idle', 'starved', 'held', 'setup', 'down', 'planned_stop', 'no_data')),
  packml_state     int2,                       -- PackTags StateCurrent 0..17
  fault_code       int,
  unique (machine_id, started_at),
  check (ended_at is null or ended_at > started_at)
);
create unique index machine_state_one_open on machine_state (machine_id) where ended_at is null;
create index machine_state_by_time on machine_state (started_at);

-- A shift of the calendar on one day, as instants. DST makes an 8 h night 7 h or 9 h.
create table shift_instance (
  shift_instance_id int primary key generated always as identity,
  organization_id   int not null references organization,
  site_id           int not null references site on delete cascade,
  shift_id          int not null references shift on delete cascade,
  production_date   date not null,
  started_at        timestamptz not null,
  ended_at          timestamptz not null,
  breaks            tstzmultirange not null default '{}',
  unique (shift_id, production_date)
);
create index shift_instance_by_time on shift_instance (site_id, started_at);

-- Additive components of OEE for one machine in one piece of a shift (a shift cut at full UTC hours).
-- Ratios are formed only when read: sum the components, then divide (docs/oee.md). Seconds are float8.
create table oee_slice (
  organization_id     int not null references organization,
  machine_id          int not null references machine on delete cascade,
  shift_instance_id   int not null references shift_instance on delete cascade,
  started_at          timestamptz not null,
  ended_at            timestamptz not null,     -- of the slice; computed_to says how far the components reach
  computed_to         timestamptz not null,
  planned_seconds     float8 not null,          -- planned busy time (PBT) so far: breaks, planned stops and no_data excluded
  running_seconds     float8 not null,          -- actual production time (APT)
  idle_seconds        float8 not null default 0,
  starved_seconds     float8 not null default 0,
  held_seconds        float8 not null default 0,
  setup_seconds       float8 not null default 0,
  down_seconds        float8 not null default 0,
  planned_stop_seconds float8 not null default 0,
  no_data_seconds     float8 not null default 0, -- its own bucket: neither running nor down; shown as coverage
  total_count         float8 not null default 0,
  good_count          float8 not null default 0,
  reject_count        float8 not null default 0,
  ideal_total_seconds float8,                   -- ideal cycle × total; NULL when a produced product has no ideal cycle
  ideal_good_seconds  float8,
  computed_at         timestamptz not null default now(),
  primary key (machine_id, started_at)
) with (fillfactor = 50);                       -- the running slice of every machine is updated every few seconds
create index oee_slice_by_time on oee_slice (started_at);
create index oee_slice_by_shift on oee_slice (shift_instance_id);

-- What was produced: counts and the running product per machine and minute, from reset-aware counter deltas.
create table production_minute (
  organization_id int not null references organization,
  machine_id      int not null references machine on delete cascade,
  minute          timestamptz not null,
  product_id      int,                          -- NULL: no order known
  -- false: made while nothing was heard from the machine and learnt from the counter afterwards. True quantities, but
  -- OEE leaves them out, because the time in which they were made is left out as well (no_data).
  observed        boolean not null default true,
  total_count     float8 not null default 0,
  good_count      float8 not null default 0,
  reject_count    float8 not null default 0
);
create unique index production_minute_key on production_minute (machine_id, minute, coalesce(product_id, 0), observed);

-- How far each machine's states and counts are known, written with every checkpoint of analytics. heard_at: source time
-- of its newest reading; known_to: until when its open state interval may be drawn (never beyond what was heard).
create table machine_progress (
  machine_id      int primary key references machine on delete cascade,
  organization_id int not null references organization,
  heard_at        timestamptz,
  known_to        timestamptz not null
) with (fillfactor = 50);

-- Late states, counts, faults or orders: the machine's intervals and minutes in this range are computed again from
-- `reading`. Written in the checkpoint that met the late rows, deleted in the transaction that has computed them.
create table machine_recompute (
  machine_recompute_id int8 primary key generated always as identity,
  machine_id           int not null references machine on delete cascade,
  from_time            timestamptz not null,
  to_time              timestamptz not null,   -- inclusive
  noted_at             timestamptz not null default now()
);

call protect_by_organization('machine_state', 'select');
call protect_by_organization('shift_instance', 'select');
call protect_by_organization('oee_slice', 'select');
call protect_by_organization('production_minute', 'select');
call protect_by_organization('machine_progress', 'select');
