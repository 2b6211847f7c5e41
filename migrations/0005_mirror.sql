-- The mirror's own memory. No tenant reads any of it.

-- The cluster that the rows are a projection of: the uid of namespace kube-system.
create table mirror_cluster (
  only_row boolean primary key default true check (only_row),
  uid uuid not null,
  accepted_at timestamptz not null default now(),
  -- Why nothing is projected until somebody decides; null when all is well.
  halted text check (halted in ('REPLACED', 'RESTORED')),
  -- The cluster that was met instead.
  observed_uid uuid
);

-- How far each kind was read when it was last listed or a watch told; a list below it means a restored cluster.
create table mirror_sync (
  kind text primary key,
  resource_version bigint not null,
  synced_at timestamptz not null default now()
);

-- The versions at which objects went, so that a late, older write cannot bring them back.
create table mirror_tombstones (
  kind text not null,
  uid uuid not null,
  resource_version bigint not null,
  deleted_at timestamptz not null default now(),
  primary key (kind, uid)
);

create index mirror_tombstones_by_age on mirror_tombstones (deleted_at);

-- Objects that cannot be projected, as they were read, and why.
create table mirror_quarantine (
  kind text not null,
  uid uuid not null,
  namespace text,
  name text not null,
  resource_version bigint not null,
  reason text not null check (reason in ('MALFORMED', 'UNKNOWN_TENANT', 'REFUSED')),
  problem text not null,
  object json not null,
  seen_at timestamptz not null default now(),
  primary key (kind, uid)
);

create index mirror_quarantine_of_namespace on mirror_quarantine (namespace) where reason = 'UNKNOWN_TENANT';

grant select, insert, update, delete
  on mirror_cluster, mirror_sync, mirror_tombstones, mirror_quarantine to smb_mirror;
