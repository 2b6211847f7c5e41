-- Two roles that own nothing and cannot bypass row-level security: `smb_app` serves requests for one tenant at a
-- time, `smb_mirror` writes the projection of Kubernetes for all of them. Roles belong to the whole server, so they
-- may exist already, and other databases of the same server may be migrating at this moment.
-- Whether they may log in, and how, is not decided here: see docs/decisions/0002-database-roles.md.
do $$
declare
  wanted text;
begin
  foreach wanted in array array['smb_app', 'smb_mirror'] loop
    if not exists (select from pg_roles where rolname = wanted) then
      begin
        execute format('create role %I nologin nosuperuser nocreatedb nocreaterole nobypassrls', wanted);
      exception
        when duplicate_object or unique_violation then null; -- another database was faster
      end;
    end if;
    if not pg_has_role(current_user, wanted, 'member') then
      execute format('grant %I to current_user', wanted);
    end if;
  end loop;
end
$$;

revoke create on schema public from public;
grant usage on schema public to smb_app, smb_mirror;
