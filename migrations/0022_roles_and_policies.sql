-- Roles that tenants create, and their policies.

create table roles (
  id uuid primary key,
  tenant_id uuid not null references tenants (id),
  name text not null check (char_length(name) between 1 and 100),
  description text not null check (char_length(description) <= 1000),
  -- Number of changes, starting at 1; entity tags have it.
  version bigint not null default 1,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  unique (tenant_id, id)
);

create unique index roles_name on roles (tenant_id, lower(name));
create index roles_by_age on roles (tenant_id, created_at, id);

create table policies (
  id uuid primary key,
  tenant_id uuid not null references tenants (id),
  name text not null check (char_length(name) between 1 and 100),
  description text not null check (char_length(description) <= 1000),
  effect text not null check (effect in ('ALLOW', 'DENY')),
  -- Nodes of the permission tree.
  actions text[] not null,
  -- Selectors and conditions as they were written.
  resources json not null,
  conditions json not null,
  version bigint not null default 1,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  unique (tenant_id, id)
);

create unique index policies_name on policies (tenant_id, lower(name));
create index policies_by_age on policies (tenant_id, created_at, id);

-- Policies of roles. A policy cannot be deleted while a role has it.
create table role_policies (
  tenant_id uuid not null references tenants (id),
  role_id uuid not null,
  policy_id uuid not null,
  primary key (tenant_id, role_id, policy_id),
  foreign key (tenant_id, role_id) references roles (tenant_id, id) on delete cascade,
  foreign key (tenant_id, policy_id) references policies (tenant_id, id)
);

create index role_policies_of_policy on role_policies (tenant_id, policy_id);

alter table roles enable row level security;
alter table roles force row level security;
alter table policies enable row level security;
alter table policies force row level security;
alter table role_policies enable row level security;
alter table role_policies force row level security;

create policy app_owns on roles to smb_app
  using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid)
  with check (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
create policy app_owns on policies to smb_app
  using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid)
  with check (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
create policy app_owns on role_policies to smb_app
  using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid)
  with check (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
-- The data of a deleted tenant is deleted by the role of the mirror.
create policy mirror_deletes on roles to smb_mirror using (true);
create policy mirror_deletes on policies to smb_mirror using (true);
create policy mirror_deletes on role_policies to smb_mirror using (true);

grant select, insert, update, delete on roles, policies to smb_app;
grant select, insert, delete on role_policies to smb_app;
grant select, delete on roles, policies, role_policies to smb_mirror;

-- Labels of the object, which policies can name. Null if they are not known yet: a policy that needs them does not allow anything
-- then, and denies. Labels have no characters that jsonb rejects.
alter table workflows add column labels jsonb;

-- The next list of all objects writes each workflow once more, with its labels. No event is written, since the digest stays.
alter table workflows no force row level security;
update workflows set resource_version = 0 where uid is not null;
alter table workflows force row level security;
