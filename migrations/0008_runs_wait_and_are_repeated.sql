-- What a run waits for and takes over from an earlier one, and which stored outputs it refers to.
alter table workflow_runs
  -- As the object has them: the decisions that were made, the wish to take over outputs, and what was taken over.
  add column decisions json not null default '[]',
  add column reuse json,
  add column reused json,
  -- How its steps ended, while its onExit steps run.
  add column ending json,
  add column wake_at timestamptz,
  add column suspended_at timestamptz,
  -- Seconds that it has waited for people and times; they do not count for its timeout.
  add column waited_seconds bigint not null default 0,
  -- Of all references to object storage: its output's, its steps' and their items'.
  add column output_uris text[] not null default '{}';

create index workflow_runs_to_seed on workflow_runs (id)
  where live and not finished and reuse is not null and reused is null;
create index workflow_runs_by_end on workflow_runs (tenant_id, finished_at) where finished and not live;
create index workflow_runs_output_uris on workflow_runs using gin (output_uris);
