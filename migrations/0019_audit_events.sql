-- The audit log: who has changed what, from where, with which outcome. Each operation writes a row before it does anything
-- (phase INTENT) and one afterwards (phase OUTCOME). The rows of a tenant form a chain: each row has a hash over its own content
-- and the hash of the row before it. The chain of the nil UUID has what administrators of the platform do.
-- `docs/decisions/0032-audit-log.md` documents the canonical form that is hashed.

-- The end of each chain, and the end of the part of it that was deleted after its retention.
create table audit_chains (
  -- -> tenants.id, or the nil UUID for the platform.
  tenant_id uuid primary key,
  last_seq bigint not null default 0,
  last_hash bytea not null default decode(repeat('00', 32), 'hex'),
  pruned_seq bigint not null default 0,
  pruned_hash bytea not null default decode(repeat('00', 32), 'hex')
) with (fillfactor = 50);

create table audit_events (
  -- -> tenants.id, or the nil UUID for the platform.
  tenant_id uuid not null,
  -- Position in the chain, without gaps.
  seq bigint not null,
  -- Identifies the operation: its two rows share it.
  id uuid not null,
  phase text not null check (phase in ('INTENT', 'OUTCOME')),
  at timestamptz not null,
  -- Columns of an intent. The operation is an entry of operations.yaml, or the name of a job; the action is its permission.
  operation text,
  action text,
  actor_kind text check (actor_kind in ('USER', 'PLATFORM_USER', 'SYSTEM')),
  actor_issuer text,
  actor_subject text,
  actor_email text,
  actor_roles json,
  client_address text,
  user_agent text,
  request_id text,
  traceparent text,
  -- Path and query of the request.
  target text,
  -- Columns of an outcome.
  outcome text check (outcome in ('SUCCEEDED', 'REFUSED', 'FAILED', 'UNKNOWN')),
  code text,
  object_kind text,
  object_id uuid,
  object_name text,
  -- The changed fields, as [{field, before, after}]; values that are large or may be secret are left out.
  changes json,
  hash bytea not null,
  primary key (tenant_id, seq),
  unique (tenant_id, id, phase),
  check ((phase = 'INTENT') = (operation is not null and action is not null and actor_kind is not null)),
  check ((phase = 'OUTCOME') = (outcome is not null))
);

create index audit_intents on audit_events (tenant_id, at, id) where phase = 'INTENT';
create index audit_intents_by_actor on audit_events (tenant_id, actor_email, at, id) where phase = 'INTENT';
create index audit_intents_by_action on audit_events (tenant_id, action, at, id) where phase = 'INTENT';
create index audit_outcomes_by_object on audit_events (tenant_id, object_id, id) where phase = 'OUTCOME';

-- Intents without an outcome. Those that outlive `expires_at` belong to a process that has died.
create table audit_open (
  -- -> tenants.id, or the nil UUID for the platform.
  tenant_id uuid not null,
  id uuid not null,
  expires_at timestamptz not null,
  primary key (tenant_id, id)
);

create index audit_open_by_expiry on audit_open (expires_at);

alter table audit_chains enable row level security;
alter table audit_chains force row level security;
alter table audit_events enable row level security;
alter table audit_events force row level security;
alter table audit_open enable row level security;
alter table audit_open force row level security;

-- The functions below run as the owner of the tables, to whom row-level security applies, too.
create policy owner_writes on audit_chains to current_user using (true) with check (true);
create policy owner_writes on audit_events to current_user using (true) with check (true);
create policy owner_writes on audit_open to current_user using (true) with check (true);

create policy app_reads on audit_events for select to smb_app
  using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
create policy platform_reads on audit_events for select to smb_app
  using (tenant_id = '00000000-0000-0000-0000-000000000000' and current_setting('app.platform', true) = 'on');
create policy mirror_reads on audit_events for select to smb_mirror using (true);
create policy mirror_reads on audit_chains for select to smb_mirror using (true);
create policy mirror_reads on audit_open for select to smb_mirror using (true);

-- No role may insert, update or delete: rows are written by the functions alone.
grant select on audit_events to smb_app;
grant select on audit_events, audit_chains, audit_open to smb_mirror;

-- The form in which a value is hashed: its length in bytes as a big-endian 32-bit integer, and its UTF-8 text. A null has the
-- length -1.
create function audit_field(value text) returns bytea language sql immutable parallel safe as $$
  select case when value is null then int4send(-1)
    else int4send(octet_length(value)) || convert_to(value, 'UTF8') end
$$;

-- Adds a row to the end of a chain. Writers of one chain wait for each other until the first of them has committed; those of
-- different chains do not.
create function append_audit_event(event audit_events) returns void language plpgsql
set search_path = public, pg_temp as $$
declare
  chain audit_chains;
begin
  select * into chain from audit_chains where tenant_id = event.tenant_id for update;
  if not found then
    insert into audit_chains (tenant_id) values (event.tenant_id) on conflict do nothing;
    select * into strict chain from audit_chains where tenant_id = event.tenant_id for update;
  end if;
  event.seq := chain.last_seq + 1;
  event.at := clock_timestamp();
  event.hash := sha256(chain.last_hash
    || audit_field('audit-event-1')
    || audit_field(event.tenant_id::text) || audit_field(event.seq::text) || audit_field(event.id::text)
    || audit_field(event.phase) || audit_field((extract(epoch from event.at) * 1000000)::bigint::text)
    || audit_field(event.operation) || audit_field(event.action)
    || audit_field(event.actor_kind) || audit_field(event.actor_issuer) || audit_field(event.actor_subject)
    || audit_field(event.actor_email) || audit_field(event.actor_roles::text)
    || audit_field(event.client_address) || audit_field(event.user_agent) || audit_field(event.request_id)
    || audit_field(event.traceparent) || audit_field(event.target)
    || audit_field(event.outcome) || audit_field(event.code)
    || audit_field(event.object_kind) || audit_field(event.object_id::text) || audit_field(event.object_name)
    || audit_field(event.changes::text));
  insert into audit_events values (event.*);
  update audit_chains set last_seq = event.seq, last_hash = event.hash where tenant_id = event.tenant_id;
end
$$;

-- Writes the row before an operation. `open_seconds` is the time after which an operation without an outcome counts as
-- interrupted.
create function begin_audit_event(
  event_tenant uuid, event_id uuid, event_operation text, event_action text,
  event_actor_kind text, event_actor_issuer text, event_actor_subject text, event_actor_email text, event_actor_roles json,
  event_client_address text, event_user_agent text, event_request_id text, event_traceparent text, event_target text,
  open_seconds integer
) returns void language plpgsql security definer
set search_path = public, pg_temp as $$
declare
  event audit_events;
begin
  event.tenant_id := event_tenant;
  event.id := event_id;
  event.phase := 'INTENT';
  event.operation := event_operation;
  event.action := event_action;
  event.actor_kind := event_actor_kind;
  event.actor_issuer := event_actor_issuer;
  event.actor_subject := event_actor_subject;
  event.actor_email := event_actor_email;
  event.actor_roles := event_actor_roles;
  event.client_address := event_client_address;
  event.user_agent := event_user_agent;
  event.request_id := event_request_id;
  event.traceparent := event_traceparent;
  event.target := event_target;
  perform append_audit_event(event);
  insert into audit_open (tenant_id, id, expires_at)
    values (event_tenant, event_id, now() + make_interval(secs => open_seconds));
end
$$;

-- Writes the row after an operation. Returns false, and writes nothing, if there is no intent without an outcome.
create function end_audit_event(
  event_tenant uuid, event_id uuid, event_outcome text, event_code text,
  event_object_kind text, event_object_id uuid, event_object_name text, event_changes json
) returns boolean language plpgsql security definer
set search_path = public, pg_temp as $$
declare
  event audit_events;
begin
  delete from audit_open where tenant_id = event_tenant and id = event_id;
  if not found then
    return false;
  end if;
  event.tenant_id := event_tenant;
  event.id := event_id;
  event.phase := 'OUTCOME';
  event.outcome := event_outcome;
  event.code := event_code;
  event.object_kind := event_object_kind;
  event.object_id := event_object_id;
  event.object_name := event_object_name;
  event.changes := event_changes;
  perform append_audit_event(event);
  return true;
end
$$;

-- Deletes the oldest rows of a chain, at most `at_most` that were written before a time, and returns their number. The chain
-- remains verifiable from there on. Rows of the last 30 days are never deleted.
create function prune_audit_events(event_tenant uuid, written_before timestamptz, at_most integer)
returns bigint language plpgsql security definer
set search_path = public, pg_temp as $$
declare
  chain audit_chains;
  through bigint;
  deleted bigint;
begin
  select * into chain from audit_chains where tenant_id = event_tenant for update;
  if not found then
    return 0;
  end if;
  select coalesce(min(seq) filter (where at >= least(written_before, now() - interval '30 days')) - 1, max(seq)) into through
    from (select seq, at from audit_events where tenant_id = event_tenant and seq > chain.pruned_seq
          order by seq limit at_most) oldest;
  if through is null or through <= chain.pruned_seq then
    return 0;
  end if;
  update audit_chains set pruned_seq = through,
    pruned_hash = (select hash from audit_events where tenant_id = event_tenant and seq = through)
    where tenant_id = event_tenant;
  perform set_config('app.audit_prune', 'on', true);
  delete from audit_events where tenant_id = event_tenant and seq > chain.pruned_seq and seq <= through;
  get diagnostics deleted = row_count;
  perform set_config('app.audit_prune', '', true);
  return deleted;
end
$$;

-- Nobody changes a row, not even the owner of the table by mistake.
create function refuse_audit_change() returns trigger language plpgsql as $$
begin
  if tg_op = 'DELETE' and current_setting('app.audit_prune', true) = 'on' then
    return old;
  end if;
  raise exception 'audit events are never changed' using errcode = 'insufficient_privilege';
end
$$;

create trigger audit_events_are_never_changed before update or delete on audit_events
  for each row execute function refuse_audit_change();
create trigger audit_events_are_never_truncated before truncate on audit_events
  for each statement execute function refuse_audit_change();

revoke execute on function append_audit_event(audit_events) from public;
revoke execute on function begin_audit_event(
  uuid, uuid, text, text, text, text, text, text, json, text, text, text, text, text, integer) from public;
revoke execute on function end_audit_event(uuid, uuid, text, text, text, uuid, text, json) from public;
revoke execute on function prune_audit_events(uuid, timestamptz, integer) from public;
grant execute on function begin_audit_event(
  uuid, uuid, text, text, text, text, text, text, json, text, text, text, text, text, integer) to smb_app, smb_mirror;
grant execute on function end_audit_event(uuid, uuid, text, text, text, uuid, text, json) to smb_app, smb_mirror;
grant execute on function prune_audit_events(uuid, timestamptz, integer) to smb_mirror;
