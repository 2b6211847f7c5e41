-- All exports that may have anything in object storage. A row is written before the first file of its export, and deleted after the
-- last one: what an interrupted or superseded export has left is found by it.
create table tenant_exports (
  tenant_id uuid not null references tenants (id),
  export_id uuid not null,
  primary key (tenant_id, export_id)
);

insert into tenant_exports (tenant_id, export_id)
  select tenant_id, export_id from tenant_archivings
  union
  select tenant_id, export_id from tenant_export_files;

alter table tenant_exports enable row level security;
alter table tenant_exports force row level security;

create policy mirror_writes on tenant_exports to smb_mirror using (true) with check (true);

grant select, insert, update, delete on tenant_exports to smb_mirror;
