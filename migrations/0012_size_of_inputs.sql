-- The size of each run's input, and an index that sums it for the unfinished runs of a tenant without reading them.
alter table workflow_runs add column input_bytes bigint not null
  generated always as (coalesce(octet_length(input::text), 0)) stored;

create index workflow_runs_unfinished on workflow_runs (tenant_id) include (input_bytes) where live and not finished;
