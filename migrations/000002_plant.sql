-- Master data: the plant by ISA-95 (enterprise = organization, site, line, machine), its signals and where they come from.

create table site (
  site_id         int primary key generated always as identity,
  organization_id int not null references organization,
  name            text not null,
  title           text not null,
  time_zone       text not null,            -- IANA, such as Europe/Berlin
  unique (organization_id, name)
);

create table line (
  line_id         int primary key generated always as identity,
  organization_id int not null references organization,
  site_id         int not null references site on delete cascade,
  name            text not null,
  title           text not null,
  position        int not null default 0,
  unique (site_id, name)
);

create table machine (
  machine_id      int primary key generated always as identity,
  organization_id int not null references organization,
  line_id         int not null references line on delete cascade,
  name            text not null,
  title           text not null,
  machine_class   text not null default 'machine',
  criticality     text not null default 'B' check (criticality in ('A', 'B', 'C')),
  is_constraint   boolean not null default false,   -- the line's OEE is measured at its constraint machine
  manufacturer    text,
  model           text,
  serial_number   text,
  position        int not null default 0,
  unique (line_id, name)
);
create unique index machine_one_constraint_per_line on machine (line_id) where is_constraint;

create table signal (
  signal_id                 int primary key generated always as identity,
  organization_id           int not null references organization,
  machine_id                int not null references machine on delete cascade,
  name                      text not null,
  kind                      text not null check (kind in ('measurement', 'state', 'counter', 'fault', 'order')),
  -- What the signal means to analytics: temperature, vibration, …; for counters good, reject or total.
  quantity                  text not null,
  unit                      text not null default '',           -- UCUM code
  expected_interval_seconds float8 not null default 1 check (expected_interval_seconds > 0),
  range_low                 float8,
  range_high                float8,
  -- Alarm limits (ISA-18.2). The deadband is in the signal's unit, the delays are in seconds.
  limit_low_low             float8,
  limit_low                 float8,
  limit_high                float8,
  limit_high_high           float8,
  deadband                  float8 not null default 0 check (deadband >= 0),
  on_delay_seconds          float8 not null default 0 check (on_delay_seconds >= 0),
  off_delay_seconds         float8 not null default 0 check (off_delay_seconds >= 0),
  counter_rollover          float8,                             -- a counter starts again at 0 after this value
  position                  int not null default 0,
  unique (machine_id, name)
);
create index signal_by_kind on signal (kind);

-- Where a signal's readings come from. mqtt: the signal's topic (a machine-level payload addresses the same way, its
-- value names appended to the machine's topic); sparkplug: group/edge node/device/metric; opcua: node id with namespace URI
create table signal_source (
  signal_source_id int primary key generated always as identity,
  organization_id  int not null references organization,
  signal_id        int not null references signal on delete cascade,
  protocol         text not null check (protocol in ('mqtt', 'sparkplug', 'opcua')),
  -- opcua only: the server's application URI or endpoint URL; empty means any configured server.
  server           text not null default '',
  address          text not null,
  unique (organization_id, protocol, server, address)
);
create index signal_source_by_signal on signal_source (signal_id);

create table product (
  product_id      int primary key generated always as identity,
  organization_id int not null references organization,
  code            text not null,
  title           text not null,
  unique (organization_id, code)
);

-- Planned run time per item (ISO 22400 PRI) of a product on a line's constraint; machines of the line use the same.
create table ideal_cycle (
  organization_id     int not null references organization,
  line_id             int not null references line on delete cascade,
  product_id          int not null references product on delete cascade,
  ideal_cycle_seconds float8 not null check (ideal_cycle_seconds > 0),
  primary key (line_id, product_id)
);

-- The shift calendar in the site's local time. A shift whose end is not after its start ends the next day.
create table shift (
  shift_id        int primary key generated always as identity,
  organization_id int not null references organization,
  site_id         int not null references site on delete cascade,
  name            text not null,
  weekdays        int[] not null default '{1,2,3,4,5,6,7}',   -- ISO, 1 = Monday, of the day on which the shift starts
  start_time      time not null,
  end_time        time not null,
  -- Planned stops within the shift, local times: [{"start":"10:00","end":"10:15"}]. Not in planned busy time (PBT).
  breaks          jsonb not null default '[]',
  position        int not null default 0,                     -- the first shift of the day starts the production day
  unique (site_id, name)
);

create table employee (
  employee_id     int primary key generated always as identity,
  organization_id int not null references organization,
  site_id         int references site on delete set null,
  email           text not null,
  name            text not null,
  role            text not null check (role in ('administrator', 'engineer', 'planner', 'supervisor', 'technician', 'operator', 'viewer')),
  password_hash   text,                                       -- scrypt; NULL: cannot log in
  active          boolean not null default true
);
create unique index employee_by_email on employee (organization_id, lower(email));

create table session (
  token_hash      text primary key,                           -- SHA-256 of the token; the token itself is never stored
  organization_id int not null references organization,
  employee_id     int not null references employee on delete cascade,
  created_at      timestamptz not null default now(),
  expires_at      timestamptz not null
);

-- Text values (order numbers, product codes, state names) as numbers, so that every reading is a float8.
create table text_value (
  text_value_id   int primary key generated always as identity,
  organization_id int not null references organization,
  text            text not null,
  unique (organization_id, text)
);

-- Rung whenever master data change, so that ingest and analytics read them anew.
create function notify_plant_changed() returns trigger
language plpgsql
as $$ begin perform pg_notify('plant_changed', ''); return null; end $$;

create trigger plant_changed after insert or update or delete or truncate on signal for each statement execute function notify_plant_changed();
create trigger plant_changed after insert or update or delete or truncate on signal_source for each statement execute function notify_plant_changed();
create trigger plant_changed after insert or update or delete or truncate on machine for each statement execute function notify_plant_changed();
create trigger plant_changed after insert or update or delete or truncate on ideal_cycle for each statement execute function notify_plant_changed();
create trigger plant_changed after insert or update or delete or truncate on shift for each statement execute function notify_plant_changed();

call protect_by_organization('site', 'select, insert, update, delete');
call protect_by_organization('line', 'select, insert, update, delete');
call protect_by_organization('machine', 'select, insert, update, delete');
call protect_by_organization('signal', 'select, insert, update, delete');
call protect_by_organization('signal_source', 'select, insert, update, delete');
call protect_by_organization('product', 'select, insert, update, delete');
call protect_by_organization('ideal_cycle', 'select, insert, update, delete');
call protect_by_organization('shift', 'select, insert, update, delete');
call protect_by_organization('employee', 'select, insert, update, delete');
call protect_by_organization('session', 'select, insert, update, delete');
call protect_by_organization('text_value', 'select');
