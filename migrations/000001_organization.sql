-- Organizations, and how a session says which one it speaks for.

create table organization (
  organization_id int primary key generated always as identity,
  name            text not null unique,
  created_at      timestamptz not null default now()
);

-- The organization of this session: set with set_config('millrace.organization_id', …). NULL (nothing visible) when unset.
create function current_organization_id() returns int
language sql stable parallel safe
as $$ select nullif(current_setting('millrace.organization_id', true), '')::int $$;

-- The API reads and writes as this role, so that row-level security binds it; ingest and analytics run as the owner.
-- Roles belong to the whole cluster: another runner may have made it a moment ago.
do $$
begin
  create role millrace_api nologin;
exception when duplicate_object or unique_violation then null;
end $$;

do $$
begin
  execute format('grant millrace_api to %I', current_user);
exception when unique_violation then null;
end $$;

-- Puts one table under row-level security by its organization_id and lets the API's role at it.
create procedure protect_by_organization(relation regclass, api_may text)
language plpgsql
as $$
begin
  execute format('alter table %s enable row level security', relation);
  execute format('create policy organization_isolation on %s using (organization_id = current_organization_id()) with check (organization_id = current_organization_id())', relation);
  execute format('grant %s on %s to millrace_api', api_may, relation);
end $$;

call protect_by_organization('organization', 'select');
grant usage on schema public to millrace_api;
