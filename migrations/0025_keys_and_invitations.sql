-- Service accounts, the API keys of users and service accounts, and invitations.
create table service_accounts (
  id uuid primary key,
  tenant_id uuid not null references tenants (id),
  -- As a label of a domain name: lower-case letters, digits and hyphens.
  name text not null check (name ~ '^[a-z]([a-z0-9-]{0,38}[a-z0-9])?$'),
  description text check (length(description) between 1 and 500),
  created_at timestamptz not null default now(),
  unique (tenant_id, id),
  unique (tenant_id, name)
);

create index service_accounts_by_age on service_accounts (tenant_id, created_at, id);

-- A role is the name of a built-in role, or the id of a role of the tenant.
create table service_account_roles (
  tenant_id uuid not null,
  service_account_id uuid not null,
  role text not null check (length(role) between 1 and 64),
  primary key (tenant_id, service_account_id, role),
  foreign key (tenant_id, service_account_id) references service_accounts (tenant_id, id) on delete cascade
);

create table api_keys (
  id uuid primary key,
  tenant_id uuid not null references tenants (id),
  user_id uuid,
  service_account_id uuid,
  name text not null check (length(name) between 1 and 120),
  -- SHA-256 of the key, which is not stored.
  digest bytea not null unique check (length(digest) = 32),
  -- The beginning of the key, by which its owner recognises it.
  prefix text not null check (length(prefix) <= 20),
  -- Nodes of the permission tree.
  scopes text[] not null check (cardinality(scopes) between 1 and 64),
  expires_at timestamptz not null,
  -- Written at most once a minute.
  last_used_at timestamptz,
  created_at timestamptz not null default now(),
  check (num_nonnulls(user_id, service_account_id) = 1),
  foreign key (tenant_id, user_id) references users (tenant_id, id) on delete cascade,
  foreign key (tenant_id, service_account_id) references service_accounts (tenant_id, id) on delete cascade
);

create index api_keys_by_age on api_keys (tenant_id, created_at, id);
create index api_keys_of_user on api_keys (tenant_id, user_id) where user_id is not null;
create index api_keys_of_service_account on api_keys (tenant_id, service_account_id) where service_account_id is not null;

alter table service_accounts enable row level security;
alter table service_accounts force row level security;
alter table service_account_roles enable row level security;
alter table service_account_roles force row level security;
alter table api_keys enable row level security;
alter table api_keys force row level security;

create policy app_owns on service_accounts to smb_app
  using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid)
  with check (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
create policy app_owns on service_account_roles to smb_app
  using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid)
  with check (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
create policy app_owns on api_keys to smb_app
  using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid)
  with check (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);

-- The data of a deleted tenant is deleted; keys and roles go with their owner.
create policy mirror_purges on service_accounts to smb_mirror using (true) with check (false);

-- The function below runs as the owner of the tables, to whom row-level security applies, too.
create policy owner_reads on service_accounts for select to current_user using (true);
create policy owner_reads on service_account_roles for select to current_user using (true);
create policy owner_reads on api_keys for select to current_user using (true);

grant select, insert, delete on service_accounts, service_account_roles, api_keys to smb_app;
grant update (last_used_at, expires_at) on api_keys to smb_app;
grant select, delete on service_accounts to smb_mirror;

-- Finds the key with a digest in any tenant, with what its owner may do now. The api-server calls it before it knows the tenant.
create function find_api_key(key_digest bytea)
returns table (
  key_id uuid, digest bytea, tenant_id uuid, slug text, requests_per_minute text, user_id uuid, owner_name text, display_name text,
  picture_url text, active boolean, roles text[], scopes text[], expires_at timestamptz
) language sql stable security definer
set search_path = public, pg_temp as $$
  select k.id, k.digest, k.tenant_id, t.slug, p.limits ->> 'apiRequestsPerMinute', k.user_id, coalesce(u.email, s.name),
    u.display_name, u.picture_url, coalesce(u.status = 'ACTIVE', true),
    array(
      select r.role from user_roles r where r.tenant_id = k.tenant_id and r.user_id = k.user_id
      union all
      select r.role from service_account_roles r
      where r.tenant_id = k.tenant_id and r.service_account_id = k.service_account_id
    ),
    k.scopes, k.expires_at
  from api_keys k
  join tenants t on t.id = k.tenant_id and t.deleted_at is null
  left join plans p on p.name = t.plan_name
  left join users u on u.tenant_id = k.tenant_id and u.id = k.user_id
  left join service_accounts s on s.tenant_id = k.tenant_id and s.id = k.service_account_id
  where k.digest = key_digest
$$;

revoke execute on function find_api_key(bytea) from public;
grant execute on function find_api_key(bytea) to smb_app;

-- Invitations: a person who has the token of one becomes its user at the first login.
create table invitations (
  id uuid primary key,
  tenant_id uuid not null references tenants (id),
  user_id uuid not null,
  -- SHA-256 of the token, which is not stored.
  digest bytea not null unique check (length(digest) = 32),
  -- Address of whoever has invited the person.
  invited_by text not null check (length(invited_by) <= 254),
  expires_at timestamptz not null,
  accepted_at timestamptz,
  created_at timestamptz not null default now(),
  foreign key (tenant_id, user_id) references users (tenant_id, id) on delete cascade
);

create index invitations_by_age on invitations (tenant_id, created_at, id);
create index invitations_of_user on invitations (tenant_id, user_id);

alter table invitations enable row level security;
alter table invitations force row level security;

create policy app_owns on invitations to smb_app
  using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid)
  with check (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
create policy owner_reads on invitations for select to current_user using (true);

grant select, insert, delete on invitations to smb_app;
grant update (accepted_at) on invitations to smb_app;

-- Finds an invitation that can be accepted, in any tenant. The api-server calls it for a verified token, before it knows the tenant.
create function find_invitation(invitation_digest bytea)
returns table (invitation_id uuid, tenant_id uuid, slug text, user_id uuid, email_key text) language sql stable security definer
set search_path = public, pg_temp as $$
  select i.id, i.tenant_id, t.slug, u.id, u.email_key
  from invitations i
  join users u on u.tenant_id = i.tenant_id and u.id = i.user_id and u.status = 'INVITED'
  join tenants t on t.id = i.tenant_id and t.deleted_at is null
  where i.digest = invitation_digest and i.accepted_at is null and i.expires_at > now()
$$;

revoke execute on function find_invitation(bytea) from public;
grant execute on function find_invitation(bytea) to smb_app;
