-- Events in one partition a day (UTC): a day whose retention has ended for all tenants is dropped instead of being deleted row by
-- row. The api-server creates the partitions of the next days and drops old ones by the functions below; events of a day without
-- a partition are in `events_default` until it is created.
alter table events rename to events_unpartitioned;
alter index events_pkey rename to events_unpartitioned_pkey;
alter index events_of_object rename to events_unpartitioned_of_object;
alter table events_unpartitioned no force row level security;
alter table events_unpartitioned disable row level security;

create table events (
  -- No foreign key: to attach a partition would lock `tenants`. Tenants are never deleted.
  tenant_id uuid not null,
  -- Unique for a tenant, by its counter.
  seq bigint not null,
  -- TENANT, WORKFLOW or WORKFLOW_RUN.
  kind text not null,
  object_id uuid not null,
  change text not null check (change in ('CREATED', 'UPDATED', 'DELETED')),
  -- The fields that a subscriber needs without another request.
  data json not null,
  at timestamptz not null default now(),
  primary key (tenant_id, seq, at)
) partition by range (at);

comment on column events.tenant_id is '-> tenants.id';
create index events_of_object on events (tenant_id, object_id, seq);
create table events_default partition of events default;

-- Creates the partition of a day, with the events of that day that are in the default partition. Returns whether it was created.
-- Replicas wait for each other. Nobody else waits for long: a lock that is not available at once is an error, and the caller
-- tries again later.
create function create_event_partition(day date) returns boolean
  language plpgsql security definer set search_path = pg_catalog, pg_temp set lock_timeout = '100ms' as $$
declare
  partition text := 'events_' || to_char(day, 'YYYYMMDD');
  first timestamptz := day::timestamp at time zone 'UTC';
  next timestamptz := (day + 1)::timestamp at time zone 'UTC';
begin
  perform pg_advisory_xact_lock(hashtextextended('smb_copilot.events', 0));
  if to_regclass('public.' || partition) is not null then
    return false;
  end if;
  execute format('create table public.%I (like public.events including all)', partition);
  lock table public.events_default in access exclusive mode;
  execute format(
    'with moved as (delete from public.events_default where at >= %L and at < %L returning *)
     insert into public.%I select * from moved', first, next, partition);
  execute format('alter table public.%I enable row level security', partition);
  execute format('alter table public.%I force row level security', partition);
  execute format(
    'alter table public.events attach partition public.%I for values from (%L) to (%L)', partition, first, next);
  return true;
end
$$;

-- Creates the partitions of the current day and the next ones, and those of the days of which the default partition has events.
-- Returns how many were created.
create function create_event_partitions(days_ahead integer) returns bigint
  language sql security definer set search_path = pg_catalog, pg_temp as $$
  select count(*) filter (where public.create_event_partition(day))
  from (
    select (now() at time zone 'UTC')::date + ahead as day from generate_series(0, days_ahead) as ahead
    union
    (select distinct (at at time zone 'UTC')::date from public.events_default order by 1 limit 31)
  ) as days
$$;

-- Drops the partitions of all days before this one. Returns how many were dropped.
create function drop_event_partitions(before date) returns bigint
  language plpgsql security definer set search_path = pg_catalog, pg_temp set lock_timeout = '100ms' as $$
declare
  partition text;
  dropped bigint := 0;
begin
  perform pg_advisory_xact_lock(hashtextextended('smb_copilot.events', 0));
  for partition in
    select c.relname from pg_inherits i join pg_class c on c.oid = i.inhrelid
    where i.inhparent = 'public.events'::regclass and c.relname ~ '^events_[0-9]{8}$'
      and to_date(right(c.relname, 8), 'YYYYMMDD') < before
  loop
    execute format('drop table public.%I', partition);
    dropped := dropped + 1;
  end loop;
  return dropped;
end
$$;

revoke all on function create_event_partition(date), create_event_partitions(integer), drop_event_partitions(date) from public;
grant execute on function create_event_partitions(integer), drop_event_partitions(date) to smb_mirror;

select count(create_event_partition(day))
  from (select distinct (at at time zone 'UTC')::date as day from events_unpartitioned) as days;
insert into events select * from events_unpartitioned;
drop table events_unpartitioned;
select create_event_partitions(7);

alter table events enable row level security;
alter table events force row level security;
alter table events_default enable row level security;
alter table events_default force row level security;

create policy mirror_writes on events to smb_mirror using (true) with check (true);
create policy app_reads on events for select to smb_app
  using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
-- The functions above run as the owner of the tables, which row-level security applies to as well.
create policy owner_moves on events_default to current_user using (true) with check (true);

grant select on events to smb_app;
grant select, insert, delete on events to smb_mirror;
