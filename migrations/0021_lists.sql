-- Indexes of lists with two filters: the runs of a workflow that have a status, and the tenants that have a state.
create index workflow_runs_of_workflow_by_status on workflow_runs (tenant_id, workflow_id, status, created_at, id);
create index tenants_by_state on tenants (state, created_at, id) where deleted_at is null;
