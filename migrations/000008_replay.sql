-- Rejected readings can be stored after what was wrong has been put right: what is kept of them must be whole.

alter table rejected_reading add column readings int not null default 1;               -- how many it stands for in the books
alter table rejected_reading add column quality int2;
alter table rejected_reading add column payload_cut boolean not null default false;    -- the payload is not whole
alter table rejected_reading add column replay_requested_at timestamptz;               -- ingest shall try it once more

-- Ingest asks for these at every start and whenever the channel rejected_replay is rung.
create index rejected_reading_to_replay on rejected_reading (rejected_reading_id) where replay_requested_at is not null;
