-- What runs leave behind that is not in their objects: large outputs in object storage, and the lines of their steps.

-- Values that were put into object storage: which, so that those that nobody refers to can be deleted. A value is
-- read without this table; a row that is lost leaves an object that is never deleted, and nothing worse.
create table stored_outputs (
  tenant_id uuid not null references tenants (id),
  -- The uid of the run that stored it; later runs may refer to it too.
  run_uid uuid not null,
  -- Of the bytes, as 64 lower-case hex digits.
  sha256 text not null check (sha256 ~ '^[0-9a-f]{64}$'),
  -- Where it is, as it stands in references.
  uri text not null,
  bytes bigint not null,
  media_type text not null,
  created_at timestamptz not null,
  primary key (tenant_id, run_uid, sha256)
);

create index stored_outputs_by_age on stored_outputs (created_at);

-- How far a run's log goes. Whoever adds to it holds this row until the end of the transaction, so that chunks become
-- visible in the order of their numbers.
create table run_logs (
  tenant_id uuid not null references tenants (id),
  -- The id of the run's row; the log may be there before that row is, and go before it.
  run_id uuid not null,
  -- The number of the last chunk; the first is 1.
  chunks bigint not null,
  -- Of all lines together.
  bytes bigint not null,
  -- Whether it had all that a log may have, and says so in its last line.
  is_full boolean not null,
  -- By the name of a pod: the number of the line that it is expected to send next.
  pods jsonb not null,
  updated_at timestamptz not null,
  primary key (tenant_id, run_id)
);

comment on column run_logs.run_id is '-> workflow_runs.id';
create index run_logs_by_age on run_logs (updated_at);

-- Lines as they came, some hundreds to a row.
create table run_log_chunks (
  tenant_id uuid not null references tenants (id),
  run_id uuid not null,
  chunk bigint not null,
  lines json not null,
  primary key (tenant_id, run_id, chunk)
);

comment on column run_log_chunks.run_id is '-> workflow_runs.id';

alter table stored_outputs enable row level security;
alter table stored_outputs force row level security;
alter table run_logs enable row level security;
alter table run_logs force row level security;
alter table run_log_chunks enable row level security;
alter table run_log_chunks force row level security;

create policy app_owns on stored_outputs to smb_app
  using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid)
  with check (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
create policy app_owns on run_logs to smb_app
  using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid)
  with check (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
create policy app_owns on run_log_chunks to smb_app
  using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid)
  with check (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
-- The sweeper deletes for all tenants.
create policy mirror_sweeps on stored_outputs to smb_mirror using (true);
create policy mirror_sweeps on run_logs to smb_mirror using (true);
create policy mirror_sweeps on run_log_chunks to smb_mirror using (true);
create policy mirror_sweeps on idempotency_keys to smb_mirror using (true);

grant select, insert, update on stored_outputs, run_logs to smb_app;
grant select, insert on run_log_chunks to smb_app;
grant select, delete on stored_outputs, run_logs, run_log_chunks, idempotency_keys to smb_mirror;
