//! What a tenant uses of the limits of its plan.

use serde_json::Value;

use super::{Error, TenantTx};

/// Limits of the tenant's plan, and what is used of them.
#[derive(Clone, Debug, PartialEq)]
pub struct Usage {
    /// Name of the plan.
    pub plan: String,
    /// Limits of the plan; `None` if the plan does not exist.
    pub limits: Option<Value>,
    /// Number of workflows.
    pub workflows: i64,
    /// Number of runs that exist in Kubernetes.
    pub stored_runs: i64,
    /// Number of runs among them that have not finished.
    pub unfinished_runs: i64,
    /// Number of runs among them that are queued.
    pub queued_runs: i64,
    /// Number of runs among them that are executed.
    pub running_runs: i64,
    /// Size of the inputs of the unfinished runs, in bytes of JSON.
    pub input_bytes: i64,
    /// Size of the outputs in object storage, in bytes.
    pub output_bytes: i64,
    /// Size of all logs, in bytes.
    pub log_bytes: i64,
}

/// Returns the usage of the tenant, or `None` if it was deleted.
///
/// # Errors
/// Returns an error if the query fails.
pub async fn usage(tx: &mut TenantTx) -> Result<Option<Usage>, Error> {
    let (connection, tenant) = tx.connection_and_tenant();
    sqlx::query_as!(
        Usage,
        r#"select t.plan_name as plan, p.limits as "limits?",
                  (select count(*) from workflows where tenant_id = $1) as "workflows!",
                  r.stored_runs as "stored_runs!", r.unfinished_runs as "unfinished_runs!",
                  r.queued_runs as "queued_runs!", r.running_runs as "running_runs!", r.input_bytes as "input_bytes!",
                  coalesce((select outputs from stored_bytes where tenant_id = $1), 0) as "output_bytes!",
                  (select coalesce(sum(bytes), 0)::bigint from run_logs where tenant_id = $1) as "log_bytes!"
           from tenants t
           left join plans p on p.name = t.plan_name
           cross join (
             select count(*) as stored_runs,
                    count(*) filter (where not finished) as unfinished_runs,
                    count(*) filter (where status = 'QUEUED') as queued_runs,
                    count(*) filter (where status = 'RUNNING') as running_runs,
                    coalesce(sum(input_bytes) filter (where not finished), 0)::bigint as input_bytes
             from workflow_runs where tenant_id = $1 and live
           ) r
           where t.id = $1 and t.deleted_at is null"#,
        tenant
    )
    .fetch_optional(connection)
    .await
    .map_err(Error::query("measure the usage of the tenant"))
}
