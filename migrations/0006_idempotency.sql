-- Answers to creating requests, by the caller's Idempotency-Key: a retry gets the same answer.
create table idempotency_keys (
  tenant_id uuid not null references tenants (id),
  principal text not null,
  key text not null check (length(key) between 1 and 255),
  -- SHA-256 of method, path and body: the same key with another request is a mistake of the caller.
  fingerprint bytea not null check (length(fingerprint) = 32),
  created_at timestamptz not null default now(),
  expires_at timestamptz not null,
  -- The answer; null while the first request is under way.
  status integer,
  headers json,
  body json,
  primary key (tenant_id, principal, key)
);

create index idempotency_keys_by_expiry on idempotency_keys (tenant_id, expires_at);

alter table idempotency_keys enable row level security;
alter table idempotency_keys force row level security;

create policy app_owns on idempotency_keys to smb_app
  using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid)
  with check (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);

grant select, insert, update, delete on idempotency_keys to smb_app;
