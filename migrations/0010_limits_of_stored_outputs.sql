-- Sizes that are known without reading all rows: of the stored outputs of each tenant, and of values once they are decoded.

-- Sizes of what each tenant has stored outside of its objects. Triggers count, so that every writer does.
create table stored_bytes (
  tenant_id uuid primary key references tenants (id) on delete cascade,
  -- Size of all rows of stored_outputs, in bytes.
  outputs bigint not null
);

alter table stored_bytes enable row level security;
alter table stored_bytes force row level security;

create policy app_owns on stored_bytes to smb_app
  using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid)
  with check (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
create policy mirror_sweeps on stored_bytes to smb_mirror using (true) with check (true);

grant select, insert, update on stored_bytes to smb_app, smb_mirror;

-- An insert holds the row of its tenant until its transaction ends: the next one sees the new size.
create function count_stored_output() returns trigger language plpgsql as $$
begin
  if tg_op = 'INSERT' then
    insert into stored_bytes as s (tenant_id, outputs) values (new.tenant_id, new.bytes)
    on conflict (tenant_id) do update set outputs = s.outputs + excluded.outputs;
  else
    update stored_bytes set outputs = outputs - old.bytes where tenant_id = old.tenant_id;
  end if;
  return null;
end
$$;

create trigger stored_outputs_are_counted after insert or delete on stored_outputs
  for each row execute function count_stored_output();

-- The trigger's lock lets no row be added before the end of this transaction.
insert into stored_bytes (tenant_id, outputs) select tenant_id, sum(bytes) from stored_outputs group by tenant_id;

-- The most memory that a value takes once the api-server has decoded it, in bytes; `limits/memory.rs` explains the numbers.
create function decoded_bytes(value json) returns bigint language sql immutable parallel safe as $$
  select 3 * octet_length(t)::bigint
    + 672 * (octet_length(t) - octet_length(translate(t, '{', '')))::bigint
    + 144 * (octet_length(t) - octet_length(translate(t, '[,', '')))::bigint
  from (select value::text as t) as v
$$;

-- The input with which a run is executed, if it differs from the given one: with the defaults of the schema.
alter table workflow_runs add column effective_input json;

-- Runs are found by their names, also after their objects were deleted.
create index workflow_runs_by_name on workflow_runs (tenant_id, name, created_at);
