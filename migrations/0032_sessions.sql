-- Sessions of people who have logged in with a browser.
create table sessions (
  id uuid primary key,
  tenant_id uuid not null references tenants (id),
  -- Null if the claims of the token alone identify the person.
  user_id uuid,
  issuer text not null check (length(issuer) between 1 and 512),
  subject text not null check (length(subject) between 1 and 255),
  -- SHA-256 of the token in the cookie, which is not stored.
  digest bytea not null unique check (length(digest) = 32),
  -- SHA-256 of the state of the login, so that each answer of an issuer makes one session only.
  login_digest bytea not null unique check (length(login_digest) = 32),
  -- Claims of the ID token, as JSON.
  claims text not null check (length(claims) <= 16384),
  created_at timestamptz not null default now(),
  -- Written at most once a minute.
  last_used_at timestamptz not null default now(),
  expires_at timestamptz not null,
  -- Rows are deleted after they have expired: until then, the login cannot be repeated.
  revoked_at timestamptz,
  foreign key (tenant_id, user_id) references users (tenant_id, id) on delete cascade
);

create index sessions_of_person on sessions (tenant_id, issuer, subject, created_at);
create index sessions_of_user on sessions (tenant_id, user_id) where user_id is not null;
create index sessions_by_expiry on sessions (tenant_id, expires_at);

alter table sessions enable row level security;
alter table sessions force row level security;

create policy app_owns on sessions to smb_app
  using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid)
  with check (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
-- The data of a deleted tenant is deleted.
create policy mirror_purges on sessions to smb_mirror using (true) with check (false);
-- The functions below run as the owner of the tables, to whom row-level security applies, too.
create policy owner_reads on sessions for select to current_user using (true);
create policy owner_revokes on sessions for update to current_user using (true) with check (true);

grant select, insert, delete on sessions to smb_app;
grant update (last_used_at, revoked_at) on sessions to smb_app;
grant select, delete on sessions to smb_mirror;

-- Finds the session with a digest in any tenant. The api-server calls it before it knows the tenant.
create function find_session(session_digest bytea)
returns table (session_id uuid, digest bytea, tenant_id uuid, claims text, last_used_at timestamptz, expires_at timestamptz)
language sql stable security definer
set search_path = public, pg_temp as $$
  select s.id, s.digest, s.tenant_id, s.claims, s.last_used_at, s.expires_at
  from sessions s
  where s.digest = session_digest and s.revoked_at is null and s.expires_at > now()
$$;

revoke execute on function find_session(bytea) from public;
grant execute on function find_session(bytea) to smb_app;

-- A user who is deactivated, and reactivated later, has to log in again.
create function revoke_sessions() returns trigger language plpgsql security definer set search_path = public, pg_temp as $$
begin
  update sessions set revoked_at = now()
  where tenant_id = new.tenant_id and user_id = new.id and revoked_at is null;
  return null;
end
$$;

create trigger sessions_end after update of status on users for each row
  when (old.status <> new.status and new.status = 'DEACTIVATED') execute function revoke_sessions();
