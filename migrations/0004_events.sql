-- What changed, in one sequence a tenant. The number comes from a counter row that the writing transaction holds
-- until it commits, so whoever has read up to a number has missed nothing before it. (A sequence would not do:
-- its numbers become visible out of order.)
create table event_counters (
  tenant_id uuid primary key references tenants (id),
  last bigint not null check (last > 0)
);

create table events (
  tenant_id uuid not null references tenants (id),
  seq bigint not null,
  -- TENANT, WORKFLOW or WORKFLOW_RUN.
  kind text not null,
  object_id uuid not null,
  change text not null check (change in ('CREATED', 'UPDATED', 'DELETED')),
  -- What a listener wants to know without asking again; small.
  data json not null,
  at timestamptz not null default now(),
  primary key (tenant_id, seq)
);

create index events_of_object on events (tenant_id, object_id, seq);

alter table event_counters enable row level security;
alter table event_counters force row level security;
alter table events enable row level security;
alter table events force row level security;

create policy mirror_writes on event_counters to smb_mirror using (true) with check (true);
create policy app_reads on events for select to smb_app
  using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
create policy mirror_writes on events to smb_mirror using (true) with check (true);

grant select, insert, update on event_counters to smb_mirror;
grant select on events to smb_app;
grant select, insert, delete on events to smb_mirror;
