create table workflows (
  id uuid primary key,
  uid uuid unique,
  tenant_id uuid not null references tenants (id),
  name text not null,
  display_name text not null,
  description text not null,
  state text not null check (state in ('ACTIVE', 'ARCHIVED')),
  -- The name of the pinned revision, once the operator has made one.
  revision text,
  -- Whether the operator found it sound; null as long as it has not looked.
  valid boolean,
  problems json not null,
  spec json not null,
  status json not null,
  generation bigint not null,
  resource_version bigint not null,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  unique (tenant_id, name)
);

create index workflows_by_age on workflows (tenant_id, created_at, id);

create table workflow_runs (
  id uuid primary key,
  uid uuid unique,
  tenant_id uuid not null references tenants (id),
  name text not null,
  workflow_name text not null,
  -- Null while the workflow has not been seen; no foreign key, since a run outlives its workflow.
  workflow_id uuid,
  revision text,
  status text not null check (
    status in ('QUEUED', 'RUNNING', 'SUSPENDED', 'SUCCEEDED', 'FAILED', 'CANCELLED', 'TIMED_OUT')
  ),
  finished boolean not null generated always as (
    status in ('SUCCEEDED', 'FAILED', 'CANCELLED', 'TIMED_OUT')
  ) stored,
  -- Whether the object exists in Kubernetes. A finished run's row is the record, and stays when it does not.
  live boolean not null,
  -- Whether the object says `Archived=True`, which lets the operator retire it.
  archived boolean not null,
  -- The cancel mode that was asked for.
  cancel text check (cancel in ('GRACEFUL', 'NOW')),
  trigger_kind text not null,
  requested_by text,
  -- The whole trigger, input, output and so on, as the object has them; steps in order, onExit after the others.
  trigger json not null,
  input json,
  output json,
  output_ref json,
  error json,
  queue json,
  steps json not null,
  priority integer not null,
  generation bigint not null,
  resource_version bigint not null,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  started_at timestamptz,
  finished_at timestamptz
);

comment on column workflow_runs.workflow_id is '-> workflows.id';

create unique index workflow_runs_name on workflow_runs (tenant_id, name) where live;
create index workflow_runs_by_age on workflow_runs (tenant_id, created_at, id);
create index workflow_runs_by_status on workflow_runs (tenant_id, status, created_at, id);
create index workflow_runs_of_workflow on workflow_runs (tenant_id, workflow_id, created_at, id);
create index workflow_runs_orphans on workflow_runs (tenant_id, workflow_name) where workflow_id is null;
create index workflow_runs_to_archive on workflow_runs (id) where live and finished and not archived;

alter table workflows enable row level security;
alter table workflows force row level security;
alter table workflow_runs enable row level security;
alter table workflow_runs force row level security;

create policy app_reads on workflows for select to smb_app
  using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
create policy mirror_writes on workflows to smb_mirror using (true) with check (true);
create policy app_reads on workflow_runs for select to smb_app
  using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
create policy mirror_writes on workflow_runs to smb_mirror using (true) with check (true);

grant select on workflows, workflow_runs to smb_app;
grant select, insert, update, delete on workflows, workflow_runs to smb_mirror;
