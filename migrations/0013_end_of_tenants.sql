-- What the api-server itself knows about the end of tenants: it deletes their records only after its own checks.

alter table tenants
  -- status.archivedAt of the object, if its spec says Archived, too.
  add column archived_at timestamptz,
  -- The archiving (its archived_at) of which the object says that it is exported.
  add column export_of timestamptz,
  -- Whether the object has the condition Purgeable.
  add column purgeable boolean not null default false,
  -- Whether the object has anything that the api-server has written about an archiving.
  add column reports_archiving boolean not null default false,
  -- Whether the operator waits until the records and stored outputs are deleted.
  add column awaits_data_deletion boolean not null default false;

update tenants set archived_at = (status ->> 'archivedAt')::timestamptz where state = 'ARCHIVED' and deleted_at is null;

create index tenants_archived on tenants (id)
  where deleted_at is null and (archived_at is not null or reports_archiving);
create index tenants_to_delete on tenants (id) where deleted_at is null and awaits_data_deletion;

-- The current archiving of each archived tenant, and its export.
create table tenant_archivings (
  tenant_id uuid primary key references tenants (id),
  archived_at timestamptz not null,
  -- When the mirror saw it first. The retention begins then, by the clock of this database.
  seen_at timestamptz not null default now(),
  -- Names the folder of the export, and was saved before the first file.
  export_id uuid not null,
  -- When the manifest was written, which is the last file.
  exported_at timestamptz
);

insert into tenant_archivings (tenant_id, archived_at, export_id)
  select id, archived_at, gen_random_uuid() from tenants where archived_at is not null;

-- The files of all exports that are in object storage, and how far each has come: the next file begins after the key of the
-- last row of the one before.
create table tenant_export_files (
  tenant_id uuid not null references tenants (id),
  export_id uuid not null,
  -- Path below the folder of the export.
  name text not null,
  -- The kind of its rows.
  kind text not null,
  number integer not null,
  rows bigint not null,
  bytes bigint not null,
  sha256 text not null,
  last_key text not null,
  -- The order in which the files were written.
  sequence bigint not null generated always as identity,
  primary key (tenant_id, export_id, kind, number)
);

-- Tenants whose data the api-server may delete, since it has checked their objects itself.
create table tenant_deletions (
  tenant_id uuid primary key references tenants (id),
  -- The uid of the object that was checked.
  uid uuid not null,
  approved_at timestamptz not null default now(),
  -- When everything was deleted, except for what belonged to objects that existed then.
  completed_at timestamptz
);

-- Tenants that were deleted with their data before this table existed.
insert into tenant_deletions (tenant_id, uid, completed_at)
  select id, uid, now() from tenants
  where deleted_at is not null and uid is not null and spec ->> 'deletionPolicy' = 'Delete' and status ->> 'phase' = 'Terminating';

alter table tenant_archivings enable row level security;
alter table tenant_archivings force row level security;
alter table tenant_export_files enable row level security;
alter table tenant_export_files force row level security;
alter table tenant_deletions enable row level security;
alter table tenant_deletions force row level security;

create policy mirror_writes on tenant_archivings to smb_mirror using (true) with check (true);
create policy mirror_writes on tenant_export_files to smb_mirror using (true) with check (true);
create policy mirror_writes on tenant_deletions to smb_mirror using (true) with check (true);

grant select, insert, update, delete on tenant_archivings, tenant_export_files, tenant_deletions to smb_mirror;
