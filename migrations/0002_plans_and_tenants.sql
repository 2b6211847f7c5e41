-- Mirrored kinds have these columns in common:
--   id                the uid under which the object was first seen; everything of ours refers to it, for good
--   uid               the object's uid in the cluster that is mirrored now; null between `accept-cluster` and the
--                     moment when an object of that name is seen again
--   resource_version  the guard of every write; comparable within one cluster only
-- Free JSON is `json`, not `jsonb`: it is never searched, comes back as it was written, and may contain \u0000.
create table plans (
  id uuid primary key,
  uid uuid unique,
  name text not null unique,
  display_name text not null,
  price json,
  features text[] not null,
  limits json not null,
  spec json not null,
  status json not null,
  generation bigint not null,
  resource_version bigint not null,
  created_at timestamptz not null,
  updated_at timestamptz not null
);

create table tenants (
  id uuid primary key,
  uid uuid unique,
  slug text not null,
  display_name text not null,
  state text not null check (state in ('ACTIVE', 'SUSPENDED', 'ARCHIVED')),
  plan_name text not null,
  namespace text not null,
  settings json not null,
  spec json not null,
  status json not null,
  generation bigint not null,
  resource_version bigint not null,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  -- A tenant's row stays when its object goes: finished runs and documents hang on it.
  deleted_at timestamptz
);

-- References without a foreign key (the two kinds are mirrored independently) are told to the diagram by comments.
comment on column tenants.plan_name is '-> plans.name';

create unique index tenants_slug on tenants (slug) where deleted_at is null;
create unique index tenants_namespace on tenants (namespace) where deleted_at is null;
create index tenants_by_age on tenants (created_at, id) where deleted_at is null;
create index tenants_of_plan on tenants (plan_name) where deleted_at is null;

alter table plans enable row level security;
alter table plans force row level security;
alter table tenants enable row level security;
alter table tenants force row level security;

-- Plans are a price list: whoever is a tenant may read them all.
create policy app_reads on plans for select to smb_app using (true);
create policy mirror_writes on plans to smb_mirror using (true) with check (true);

-- The app reads its tenant; at the door, the tenant that a verified token names; and, for platform roles, all.
create policy app_reads on tenants for select to smb_app using (
  id = nullif(current_setting('app.tenant_id', true), '')::uuid
  or slug = nullif(current_setting('app.tenant_slug', true), '')
  or current_setting('app.platform', true) = 'on'
);
create policy mirror_writes on tenants to smb_mirror using (true) with check (true);

grant select on plans, tenants to smb_app;
grant select, insert, update, delete on plans, tenants to smb_mirror;
