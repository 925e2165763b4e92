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
-- Roles belong to the whole cluster: a runner on another database may be making it at the same moment, and an
-- administrator may have made it before, where the owner of this database must not create roles.
do $$
begin
  if not exists (select from pg_roles where rolname = 'millrace_api') then create role millrace_api nologin; end if;
exception when duplicate_object or unique_violation then null;
end $$;

do $$
begin
  if not pg_has_role(current_user, 'millrace_api', 'usage') then execute format('grant millrace_api to %I', current_user); end if;
-- internal_error: "tuple concurrently updated", when another runner grants it at the same moment.
exception when unique_violation or internal_error then null;
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
