-- Users of tenants, their roles, and the identities with which they log in.
--
-- An address belongs to one user of the platform from the first login of its owner on. Users who were never there (INVITED) do not
-- count: a tenant can neither block the address of somebody else nor find out whether another tenant knows it.
create table users (
  id uuid primary key,
  tenant_id uuid not null references tenants (id),
  -- As it was written; mail is sent to it.
  email text not null check (length(email) between 3 and 254),
  -- The form that is compared: Unicode form NFKC, case folded, with the ASCII form of the domain.
  email_key text not null check (length(email_key) between 3 and 254),
  display_name text check (length(display_name) between 1 and 120),
  status text not null check (status in ('INVITED', 'ACTIVE', 'DEACTIVATED')),
  picture_url text check (length(picture_url) <= 2048 and picture_url like 'https://%'),
  -- Number of changes, starting at 1; changes of the roles are counted, too.
  version bigint not null default 1,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  unique (tenant_id, id),
  unique (tenant_id, email_key)
);

create unique index users_email on users (email_key) where status <> 'INVITED';
create index invited_users_email on users (email_key) where status = 'INVITED';
create index users_by_age on users (tenant_id, created_at, id);
create index users_by_status on users (tenant_id, status, created_at, id);

-- A role is the name of a built-in role, or the id of a role of the tenant.
create table user_roles (
  tenant_id uuid not null,
  user_id uuid not null,
  role text not null check (length(role) between 1 and 64),
  primary key (tenant_id, user_id, role),
  foreign key (tenant_id, user_id) references users (tenant_id, id) on delete cascade
);

create index user_roles_by_role on user_roles (tenant_id, role, user_id);

-- A person at an issuer of tokens, who is one user for good.
create table identities (
  issuer text not null check (length(issuer) between 1 and 512),
  subject text not null check (length(subject) between 1 and 255),
  tenant_id uuid not null,
  user_id uuid not null,
  created_at timestamptz not null default now(),
  primary key (issuer, subject),
  foreign key (tenant_id, user_id) references users (tenant_id, id) on delete cascade
);

create index identities_of_user on identities (tenant_id, user_id);

alter table users enable row level security;
alter table users force row level security;
alter table user_roles enable row level security;
alter table user_roles force row level security;
alter table identities enable row level security;
alter table identities force row level security;

create policy app_reads on users for select to smb_app
  using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
create policy app_creates on users for insert to smb_app
  with check (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
create policy app_changes on users for update to smb_app
  using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid)
  with check (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
-- An active user is deactivated first, which checks that an owner remains.
create policy app_deletes on users for delete to smb_app
  using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid and status <> 'ACTIVE');
create policy app_owns on user_roles to smb_app
  using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid)
  with check (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
create policy app_owns on identities to smb_app
  using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid)
  with check (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);

-- The data of a deleted tenant is deleted; roles and identities go with their user.
create policy mirror_purges on users to smb_mirror using (true) with check (false);

-- The functions below run as the owner of the tables, to whom row-level security applies, too.
create policy owner_reads on users for select to current_user using (true);
create policy owner_reads on user_roles for select to current_user using (true);
create policy owner_reads on identities for select to current_user using (true);
create policy owner_reads on tenants for select to current_user using (true);
create policy owner_reads on plans for select to current_user using (true);

grant select, insert, delete on users, user_roles, identities to smb_app;
grant update (display_name, picture_url, status, version, updated_at) on users to smb_app;
grant select, delete on users to smb_mirror;

-- Refuses what would leave a tenant without an active owner, after it has had one. Transactions that remove owners of one tenant wait
-- for each other, and then find what the others have committed: each statement of the function has a snapshot of its own, which an
-- isolation level above READ COMMITTED would not have.
create function require_active_owner() returns trigger language plpgsql security definer
set search_path = public, pg_temp as $$
declare
  removes_active_owner boolean;
begin
  if current_setting('transaction_isolation') <> 'read committed' then
    raise exception 'owners are removed in READ COMMITTED only' using errcode = 'invalid_transaction_state';
  end if;
  perform pg_advisory_xact_lock(hashtextextended('owners of ' || old.tenant_id, 0));
  if tg_table_name = 'users' then
    removes_active_owner := exists (
      select from user_roles where tenant_id = old.tenant_id and user_id = old.id and role = 'owner');
  else
    -- With the row of its user, a role is deleted by a tenant's end, or with a user that is not active.
    removes_active_owner := exists (
      select from users where tenant_id = old.tenant_id and id = old.user_id and status = 'ACTIVE');
  end if;
  if removes_active_owner and not exists (
    select from users u join user_roles r on r.tenant_id = u.tenant_id and r.user_id = u.id
    where u.tenant_id = old.tenant_id and u.status = 'ACTIVE' and r.role = 'owner'
  ) then
    raise exception 'a tenant needs an active owner' using errcode = 'check_violation', constraint = 'active_owner';
  end if;
  return null;
end
$$;

create trigger active_owner_remains after update of status on users for each row
  when (old.status = 'ACTIVE' and new.status <> 'ACTIVE') execute function require_active_owner();
create trigger active_owner_remains after delete on user_roles for each row
  when (old.role = 'owner') execute function require_active_owner();

-- Finds the user of an identity in any tenant. If the identity is new, finds the invited users of an address instead, which must be
-- null unless the issuer is trusted to have verified it. The api-server calls it for a verified token, before it knows the tenant.
create function find_login(login_issuer text, login_subject text, login_email_key text)
returns table (
  user_id uuid, tenant_id uuid, slug text, requests_per_minute text, status text, email text, display_name text, picture_url text,
  roles text[], bound boolean
) language sql stable security definer
set search_path = public, pg_temp as $$
  select u.id, u.tenant_id, t.slug, p.limits ->> 'apiRequestsPerMinute', u.status, u.email, u.display_name, u.picture_url,
    array(select r.role from user_roles r where r.tenant_id = u.tenant_id and r.user_id = u.id order by r.role), found.bound
  from (
    select i.user_id, true as bound from identities i where i.issuer = login_issuer and i.subject = login_subject
    union all
    select invited.id, false from users invited
    where invited.email_key = login_email_key and invited.status = 'INVITED' and not exists (
      select from identities i where i.issuer = login_issuer and i.subject = login_subject)
  ) found
  join users u on u.id = found.user_id
  join tenants t on t.id = u.tenant_id and t.deleted_at is null
  left join plans p on p.name = t.plan_name
  order by u.created_at, u.id
  limit 20
$$;

revoke execute on function find_login(text, text, text) from public;
grant execute on function find_login(text, text, text) to smb_app;
