-- From a signal out of bounds to a work order: alarm (ISA-18.2) → fault (ISO 14224 failure mode) → work order.

create table alarm (
  alarm_id        int8 primary key generated always as identity,
  organization_id int not null references organization,
  machine_id      int not null references machine on delete cascade,
  signal_id       int references signal on delete cascade,     -- NULL: of the machine as a whole
  kind            text not null check (kind in ('limit_low_low', 'limit_low', 'limit_high', 'limit_high_high', 'anomaly', 'fault_code', 'stale', 'ledger', 'rollup')),
  priority        int2 not null check (priority between 1 and 4),  -- 1 act now … 4 advisory
  -- ISA-18.2 states by their plain names.
  state           text not null check (state in ('unacknowledged', 'acknowledged', 'returned_unacknowledged', 'normal', 'shelved', 'suppressed', 'out_of_service')),
  raised_at       timestamptz not null,        -- source time at which the condition began
  detected_at     timestamptz not null default now(),
  returned_at     timestamptz,                 -- source time at which the condition ended
  acknowledged_at timestamptz,
  acknowledged_by int references employee,
  note            text,
  shelved_until   timestamptz,
  limit_value     float8,
  value           float8,                      -- the value that raised it
  peak_value      float8,
  occurrences     int not null default 1,
  message         text not null,
  evidence        jsonb not null default '{}'
);
-- One active alarm per signal and kind: two writers cannot raise it twice.
create unique index alarm_one_active on alarm (machine_id, coalesce(signal_id, 0), kind) where returned_at is null;
create unique index alarm_once_per_raise on alarm (machine_id, coalesce(signal_id, 0), kind, raised_at);
create index alarm_by_raised_at on alarm (raised_at desc);
create index alarm_by_machine on alarm (machine_id, raised_at desc);

-- The newest anomaly score of each sensor: 0 nothing unusual … 1 never seen before; warming_up has no score.
create table anomaly_score (
  signal_id       int primary key references signal on delete cascade,
  organization_id int not null references organization,
  time            timestamptz not null,
  score           float8,
  value           float8,                      -- smoothed, in the signal's unit
  expected_value  float8,                      -- the sensor's own baseline under the running product
  deviation       float8,                      -- (value - expected_value) / usual spread; its sign says up or down
  detail          jsonb not null default '{}'
) with (fillfactor = 50);

-- A stretch of unusual behaviour of one sensor.
create table anomaly (
  anomaly_id      int8 primary key generated always as identity,
  organization_id int not null references organization,
  machine_id      int not null references machine on delete cascade,
  signal_id       int not null references signal on delete cascade,
  started_at      timestamptz not null,
  ended_at        timestamptz,
  peak_score      float8 not null,
  value           float8,
  expected_value  float8,
  detector        text not null,
  unique (signal_id, started_at)
);
create unique index anomaly_one_open on anomaly (signal_id) where ended_at is null;
create index anomaly_by_started_at on anomaly (started_at desc);

-- A diagnosed failure of a machine.
create table fault (
  fault_id        int8 primary key generated always as identity,
  organization_id int not null references organization,
  machine_id      int not null references machine on delete cascade,
  failure_mode    text not null,               -- bearing, overheating, tool_wear, electrical, unknown, or plc_<code>
  started_at      timestamptz not null,
  ended_at        timestamptz,
  detected_at     timestamptz not null default now(),
  confidence      float8 not null check (confidence between 0 and 1),
  severity        int2 not null check (severity between 1 and 4),
  alarm_ids       int8[] not null default '{}',
  evidence        jsonb not null default '{}'  -- the signed features that spoke for it, and a frozen trend
);
create unique index fault_one_open on fault (machine_id, failure_mode) where ended_at is null;
create index fault_by_started_at on fault (started_at desc);

-- One sequence for all organizations, so that two orders opened at once do not wait for each other: numbers are unique and
-- rise, but within one organization some are missing.
create sequence work_order_number_seq;
create table work_order (
  work_order_id   int8 primary key generated always as identity,
  organization_id int not null references organization,
  number          text not null default 'WO-' || lpad(nextval('work_order_number_seq')::text, 6, '0'),
  machine_id      int not null references machine on delete cascade,
  failure_mode    text not null,
  fault_id        int8 references fault on delete set null,
  origin          text not null default 'fault' check (origin in ('fault', 'plan', 'person')),
  title           text not null,
  description     text not null default '',
  state           text not null default 'proposed' check (state in
                    ('proposed', 'approved', 'scheduled', 'in_progress', 'on_hold', 'work_done', 'closed', 'rejected', 'cancelled', 'merged')),
  hold_reason     text,
  priority        int2 not null check (priority between 1 and 4),
  production_impact text not null default 'impacting' check (production_impact in ('down', 'impacting', 'planned', 'none')),
  assigned_to     int references employee,
  created_at      timestamptz not null default now(),
  due_at          timestamptz,
  scheduled_at    timestamptz,
  started_at      timestamptz,
  done_at         timestamptz,
  closed_at       timestamptz,
  outcome         text check (outcome in ('confirmed', 'false_alarm', 'sensor_fault', 'duplicate', 'deferred')),
  occurrences     int not null default 1,      -- how often the same fault came back while the order was open
  last_seen_at    timestamptz not null default now(),
  condition       text not null default 'active' check (condition in ('active', 'cleared', 'unknown')),
  evidence        jsonb not null default '{}', -- frozen when raised: trend, baseline, alarms, rule and version
  repeat_of       int8 references work_order,
  unique (organization_id, number)
);
-- One open order per machine and failure mode. A second fault joins the open order; it never opens another.
create unique index work_order_one_open on work_order (machine_id, failure_mode)
  where state not in ('closed', 'rejected', 'cancelled', 'merged');
create index work_order_by_created_at on work_order (created_at desc);

-- Append-only history: who changed what, when, from what.
create table work_order_event (
  work_order_event_id int8 primary key generated always as identity,
  organization_id     int not null references organization,
  work_order_id       int8 not null references work_order on delete cascade,
  at                  timestamptz not null default now(),
  employee_id         int references employee,          -- NULL: the system
  kind                text not null,                    -- created, state, occurrence, priority, comment, assigned, condition
  fault_id            int8 references fault on delete set null,   -- of created and occurrence: the fault that came
  from_value          text,
  to_value            text,
  note                text not null default '',
  evidence            jsonb not null default '{}'
);
create index work_order_event_by_order on work_order_event (work_order_id, at);
-- A fault reaches exactly one order exactly once, however often its doorbell rings.
create unique index work_order_event_once_per_fault on work_order_event (fault_id) where kind in ('created', 'occurrence');

-- Planned maintenance, as it is written here and listed by the API; nothing opens orders from it by itself.
create table maintenance_plan (
  maintenance_plan_id int primary key generated always as identity,
  organization_id     int not null references organization,
  machine_id          int not null references machine on delete cascade,
  title               text not null,
  interval_days       float8,
  interval_running_hours float8,
  next_due_at         timestamptz,
  active              boolean not null default true
);

-- MTBF and MTTR of one machine over a window ending at computed_at. Names say which of the textbook figures is meant:
-- mtbf_operating = operating time / failures (NIST 8.4.5.1), mttr_restore = mean of down → up of closed failures.
create table reliability (
  organization_id    int not null references organization,
  machine_id         int not null references machine on delete cascade,
  window_days        int not null,
  window_start       timestamptz not null,
  window_end         timestamptz not null,
  operating_seconds  float8 not null,
  down_seconds       float8 not null,
  no_data_seconds    float8 not null,
  failures           int not null,
  repairs            int not null,             -- failures whose repair has ended in the window
  mtbf_operating_seconds       float8,         -- NULL without failures; then the bound below says what is known
  mtbf_operating_lower_seconds float8 not null,-- lower end of the two-sided 90 % interval; without failures the 95 % bound
  mtbf_operating_upper_seconds float8,         -- upper end; NULL without failures
  mttr_restore_seconds         float8,
  availability       float8,                   -- operating / (operating + down)
  computed_at        timestamptz not null default now(),
  primary key (machine_id, window_days)
);

-- Where a follower stands in the feed; written in one transaction with what it derived from the batches before.
create table analytics_cursor (
  follower   text not null,
  gateway_id int2 not null,
  sequence   int8 not null,
  stored_at  timestamptz,                      -- when the last batch it took was stored: now() minus this is its lag
  primary key (follower, gateway_id)
);
-- What the state machines and detectors of a follower remember, one row a part (states, alarms, anomaly, …), written in
-- the transaction of the cursor. Each part owns its encoding; a detector's columns for 1,781 sensors are one value of
-- about 200 KB, where one jsonb row a sensor cost a thousand row versions a second.
create table analytics_memory (
  follower   text not null,
  part       text not null,
  memory     bytea not null,
  primary key (follower, part)
);
alter table analytics_memory alter column memory set storage external;
-- The newest batch of each gateway that was deleted from the feed. A follower whose cursor lies before it has missed
-- batches and rebuilds that time from `reading`.
create table feed_horizon (
  gateway_id int2 primary key,
  sequence   int8 not null,
  stored_at  timestamptz not null
);

call protect_by_organization('alarm', 'select, update');
call protect_by_organization('anomaly_score', 'select');
call protect_by_organization('anomaly', 'select');
call protect_by_organization('fault', 'select');
call protect_by_organization('work_order', 'select, insert, update');
call protect_by_organization('work_order_event', 'select, insert');
call protect_by_organization('maintenance_plan', 'select, insert, update, delete');
call protect_by_organization('reliability', 'select');
grant usage on sequence work_order_number_seq to millrace_api;

-- Something a person looks at changed: the live stream tells the pages. Payload: the table and the row's key.
create function notify_page_changed() returns trigger
language plpgsql
as $$
begin
  perform pg_notify('page_changed', tg_table_name || ' ' || coalesce(to_jsonb(new) ->> (tg_table_name || '_id'), ''));
  return null;
end $$;
create trigger page_changed after insert or update on alarm for each row execute function notify_page_changed();
create trigger page_changed after insert or update on fault for each row execute function notify_page_changed();
create trigger page_changed after insert or update on work_order for each row execute function notify_page_changed();
