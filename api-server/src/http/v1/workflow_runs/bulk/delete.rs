//! `POST /v1/workflow-run-deletions`

use axum::extract::State;
use serde::Deserialize;
use utoipa::ToSchema;

use super::body::{BulkResults, Outcome, RUNS};
use crate::{
    app::{self, App, runs::BulkRuns},
    http::{authorize::Member, extract::Json},
    problem::Problem,
};

/// Deletion of several runs.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(in crate::http) struct BulkDeletion {
    /// IDs, UIDs or names of the runs; 1 to 100.
    #[schema(min_items = 1, max_items = 100)]
    runs: Vec<String>,
}

/// Delete several runs
///
/// Deletes up to 100 finished runs, each as `DELETE /v1/workflow-runs/{id}` does. The response has a result for each run, in the order
/// of the request: 204 if it was deleted, or 404 if it was deleted before. A run that could not be processed within about 8 seconds has
/// the status 503: repeat the request with these runs. Each run counts as a request of the rate limit.
///
/// Requires the permission `workflow.run.delete`. Fails with 422 `invalid` if a run is named twice.
#[utoipa::path(
    post, path = "/v1/workflow-run-deletions", tag = "runs",
    request_body = BulkDeletion,
    responses((status = OK, description = "Results", body = BulkResults))
)]
pub(in crate::http) async fn delete_runs(
    State(app): State<App>,
    Member { principal, tenant }: Member,
    Json(BulkDeletion { runs }): Json<BulkDeletion>,
) -> Result<axum::Json<BulkResults>, Problem> {
    app::runs::admit(&app, &principal.email, &tenant, &runs, RUNS)?;
    let results =
        app::runs::delete_all(&app, tenant.scope, BulkRuns::new(&runs), &Outcome::OF_DELETION).await;
    Ok(axum::Json(BulkResults::new(runs, results)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use sqlx::PgPool;

    use crate::http::testing::{FAILED_RUN, QUEUED_RUN, RUN, Server};

    /// Finished runs are deleted, others stay, and a repetition finds nothing more to delete.
    #[sqlx::test(migrator = "crate::db::MIGRATOR")]
    async fn finished_runs_are_deleted(pool: PgPool) {
        let server = Server::start(&pool).await;
        let body = json!({"runs": [FAILED_RUN, QUEUED_RUN, RUN]});
        for expected in [[204, 409, 204], [404, 409, 404]] {
            let answer = server.post("acme", "admin", "/v1/workflow-run-deletions", &body).await;
            let results = answer.body["data"].as_array().unwrap();
            let statuses: Vec<_> = results.iter().map(|result| result["status"].clone()).collect();
            assert_eq!((answer.status, json!(statuses)), (200, json!(expected)), "{}", answer.body);
        }
        let left = server.get("acme", "viewer", "/v1/workflow-runs").await;
        assert_eq!(left.body["data"].as_array().unwrap().len(), 1);
        let refused = server.post("acme", "operator", "/v1/workflow-run-deletions", &body).await;
        assert_eq!(refused.status, 403);
    }
}
