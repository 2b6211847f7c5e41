//! `GET /v1/usage`

use axum::{Json, extract::State};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    app::{self, App, usage},
    http::authorize::Member,
    problem::Problem,
};

/// What the tenant uses of the limits of its plan, by the names of the limits.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::http) struct Usage {
    /// Name of the tenant's plan.
    #[schema(example = "starter")]
    plan: String,
    /// Workflows, archived ones included.
    workflows: UsedLimit,
    /// Runs in the cluster: unfinished ones, and finished ones whose object is not deleted yet.
    stored_runs: UsedLimit,
    /// Unfinished runs: running, queued and suspended ones.
    unfinished_runs: UsedLimit,
    /// Queued runs.
    queued_runs: UsedLimit,
    /// Runs that are executed.
    concurrent_runs: UsedLimit,
    /// Size of the inputs of all unfinished runs, in bytes of JSON text.
    stored_input_bytes: UsedLimit,
    /// Size of the outputs of runs in object storage, in bytes.
    storage_bytes: UsedLimit,
    /// Size of the logs of all runs, in bytes; each line counts 100 bytes more than its text.
    log_bytes: UsedLimit,
}

/// Usage of one limit.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct UsedLimit {
    /// What is used.
    #[schema(minimum = 0, example = 12)]
    used: u64,
    /// Maximum. Null if it is unlimited.
    #[schema(minimum = 0, example = 1000, required = true)]
    limit: Option<u64>,
}

/// Get the usage of the tenant
///
/// Returns what the tenant uses of the limits of its plan that are counted. The limits of requests are in the headers
/// `RateLimit-Policy` and `RateLimit` of each response. Requires the permission `usage.read`.
#[utoipa::path(
    get, path = "/v1/usage", tag = "tenants",
    responses((status = OK, description = "Usage", body = Usage))
)]
pub(in crate::http) async fn get_usage(
    State(app): State<App>,
    Member { principal: _, tenant }: Member,
) -> Result<Json<Usage>, Problem> {
    Ok(Json(app::usage::usage(&app, tenant.scope).await?.into()))
}

impl From<usage::Usage> for Usage {
    fn from(usage: usage::Usage) -> Self {
        let usage::Usage {
            plan,
            workflows,
            stored_runs,
            unfinished_runs,
            queued_runs,
            concurrent_runs,
            stored_input_bytes,
            storage_bytes,
            log_bytes,
        } = usage;
        Self {
            plan,
            workflows: workflows.into(),
            stored_runs: stored_runs.into(),
            unfinished_runs: unfinished_runs.into(),
            queued_runs: queued_runs.into(),
            concurrent_runs: concurrent_runs.into(),
            stored_input_bytes: stored_input_bytes.into(),
            storage_bytes: storage_bytes.into(),
            log_bytes: log_bytes.into(),
        }
    }
}

impl From<usage::Used> for UsedLimit {
    fn from(usage::Used { used, limit }: usage::Used) -> Self {
        Self { used, limit }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use sqlx::PgPool;

    use crate::http::testing::{ACME, Server};

    /// Users see what their own tenant uses, the limits of its plan, and the defaults of limits that the plan does not set.
    #[sqlx::test(migrator = "crate::db::MIGRATOR")]
    async fn the_usage_is_compared_with_the_plan(pool: PgPool) {
        let server = Server::start(&pool).await;
        server.set_plan_limits(json!({"workflows": 7, "storageBytes": "5Gi", "queuedRuns": 3})).await;
        let stored =
            "insert into stored_outputs (tenant_id, run_uid, sha256, uri, bytes, media_type, created_at)
                      values ($1::uuid, $1::uuid, repeat('a', 64), 'x', 1234, 'text/plain', now())";
        sqlx::query(stored).bind(ACME).execute(&pool).await.unwrap();
        let usage = server.get("acme", "operator", "/v1/usage").await.body;
        assert_eq!(usage["workflows"], json!({"used": 3, "limit": 7}));
        assert_eq!(usage["storedRuns"], json!({"used": 3, "limit": 1000}));
        assert_eq!(usage["unfinishedRuns"], json!({"used": 1, "limit": null}));
        assert_eq!(usage["queuedRuns"], json!({"used": 1, "limit": 3}));
        assert_eq!(usage["concurrentRuns"], json!({"used": 0, "limit": null}));
        assert_eq!(usage["storageBytes"], json!({"used": 1234, "limit": 5_u64 << 30}));
        assert_eq!(usage["logBytes"], json!({"used": 0, "limit": null}));
        let globex = server.get("globex", "operator", "/v1/usage").await.body;
        assert_eq!((&globex["storageBytes"]["used"], &globex["storedRuns"]["used"]), (&json!(0), &json!(0)));
        assert_eq!(server.get("acme", "viewer", "/v1/usage").await.status, 403);
    }
}
