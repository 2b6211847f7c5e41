-- What identity providers store of users and groups (SCIM 2.0), and which users have logged in.
alter table users
  -- Name at the identity provider; null if it is the address.
  add column user_name text check (length(user_name) between 1 and 254),
  -- The form that is compared.
  add column user_name_key text check (length(user_name_key) between 1 and 254),
  add column given_name text check (length(given_name) between 1 and 120),
  add column family_name text check (length(family_name) between 1 and 120),
  -- Identifier that the identity provider has chosen.
  add column external_id text check (length(external_id) between 1 and 255),
  -- Whether the user has ever been active.
  add column has_logged_in boolean not null default false,
  add check ((user_name is null) = (user_name_key is null));

alter table roles add column external_id text check (length(external_id) between 1 and 255);

-- Row-level security applies to the owner of the table, who may only read it.
alter table users no force row level security;
update users u set has_logged_in = true
where status = 'ACTIVE' or status = 'DEACTIVATED' and exists (select from identities i where i.user_id = u.id);
alter table users force row level security;

create function record_first_login() returns trigger language plpgsql set search_path = public, pg_temp as $$
begin
  new.has_logged_in := new.has_logged_in or new.status = 'ACTIVE';
  return new;
end
$$;

create trigger first_login before insert or update of status on users for each row execute function record_first_login();

-- An address belongs to a user of the platform from the first login on. A user who was invited and deactivated was never there.
drop index users_email;
create unique index users_email on users (email_key) where has_logged_in;

create unique index users_user_name on users (tenant_id, coalesce(user_name_key, email_key));
create index users_external_id on users (tenant_id, external_id) where external_id is not null;

grant update (user_name, user_name_key, given_name, family_name, external_id) on users to smb_app;
