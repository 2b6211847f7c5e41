-- A digest of what callers can see of each row: a change that leaves it as it is writes no event. Null in rows of an earlier
-- release, whose next change writes one.
alter table tenants add column visible_digest bigint;
alter table workflows add column visible_digest bigint;
alter table workflow_runs add column visible_digest bigint;

-- Retention deletes the oldest logs and outputs of one tenant at a time.
create index run_logs_by_tenant_and_age on run_logs (tenant_id, updated_at);
drop index run_logs_by_age;
create index stored_outputs_by_tenant_and_age on stored_outputs (tenant_id, created_at);
drop index stored_outputs_by_age;
