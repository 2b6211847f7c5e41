//! `POST /v1/workflow-run-cancellations`

use axum::extract::State;
use serde::Deserialize;
use utoipa::ToSchema;

use super::body::{BulkResults, Outcome, RUNS};
use crate::{
    app::{self, App, runs::BulkRuns},
    http::{
        authorize::Member,
        extract::{Json, enum_name},
    },
    problem::Problem,
    store::CancelMode,
};

/// Cancellation of several runs.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(in crate::http) struct BulkCancellation {
    /// IDs, UIDs or names of the runs; 1 to 100.
    #[schema(min_items = 1, max_items = 100)]
    runs: Vec<String>,
    /// Mode of the cancellation. `GRACEFUL`: steps in progress finish, and no other step starts. `NOW`: steps in
    /// progress are killed.
    #[schema(value_type = String, example = "GRACEFUL")]
    #[serde(deserialize_with = "enum_name")]
    mode: CancelMode,
}

/// Cancel several runs
///
/// Requests the cancellation of up to 100 runs, each as `PUT /v1/workflow-runs/{id}/cancellation` does. The response has a result for
/// each run, in the order of the request. A run that could not be processed within about 8 seconds has the status 503: repeat the
/// request, which is idempotent, with these runs. Each run counts as a request of the rate limit.
///
/// Requires the permission `workflow.run.cancel`. Fails with 422 `invalid` if a run is named twice.
#[utoipa::path(
    post, path = "/v1/workflow-run-cancellations", tag = "runs",
    request_body = BulkCancellation,
    responses((status = OK, description = "Results", body = BulkResults))
)]
pub(in crate::http) async fn cancel_runs(
    State(app): State<App>,
    Member { principal, tenant }: Member,
    Json(BulkCancellation { runs, mode }): Json<BulkCancellation>,
) -> Result<axum::Json<BulkResults>, Problem> {
    app::runs::admit(&app, &principal.email, &tenant, &runs, RUNS)?;
    let results =
        app::runs::cancel_all(&app, tenant.scope, BulkRuns::new(&runs), mode, &Outcome::OF_RUN).await;
    Ok(axum::Json(BulkResults::new(runs, results)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use sqlx::PgPool;

    use crate::http::testing::{QUEUED_RUN, RUN, Server};

    const PATH: &str = "/v1/workflow-run-cancellations";

    /// Each run has the result that its own request would have, in the order of the request, and a repetition changes nothing.
    #[sqlx::test(migrator = "crate::db::MIGRATOR")]
    async fn each_run_has_a_result(pool: PgPool) {
        let server = Server::start(&pool).await;
        let body = json!({"runs": [RUN, "report-1", "no-such-run", "No Name"], "mode": "NOW"});
        for _ in 0..2 {
            let answer = server.post("acme", "operator", PATH, &body).await;
            assert_eq!(answer.status, 200, "{}", answer.body);
            let results = answer.body["data"].as_array().unwrap();
            let results: Vec<_> =
                results.iter().map(|r| json!([r["reference"], r["status"], r["problem"]["code"]])).collect();
            assert_eq!(
                json!(results),
                json!([
                    [RUN, 409, "run_finished"],
                    ["report-1", 202, null],
                    ["no-such-run", 404, "not_found"],
                    ["No Name", 404, "not_found"],
                ])
            );
            assert_eq!((&answer.body["succeeded"], &answer.body["failed"]), (&json!(1), &json!(3)));
            assert_eq!(answer.body["data"][1]["run"]["id"], QUEUED_RUN);
        }
        assert_eq!(server.kubernetes.run(QUEUED_RUN)["spec"]["cancel"], "Now");
    }

    /// A request that names too many runs, none, or one twice is refused before anything is cancelled.
    #[sqlx::test(migrator = "crate::db::MIGRATOR")]
    async fn impossible_requests_are_refused(pool: PgPool) {
        let server = Server::start(&pool).await;
        let many: Vec<_> = (0..101).map(|number| number.to_string()).collect();
        for (runs, pointer) in
            [(json!([]), "/runs"), (json!(many), "/runs"), (json!([QUEUED_RUN, "x", QUEUED_RUN]), "/runs/2")]
        {
            let answer = server.post("acme", "operator", PATH, &json!({"runs": runs, "mode": "NOW"})).await;
            assert_eq!((answer.status, &answer.body["errors"][0]["pointer"]), (422, &json!(pointer)));
        }
        let body = json!({"runs": [QUEUED_RUN], "mode": "NOW"});
        assert_eq!(server.post("acme", "viewer", PATH, &body).await.status, 403);
        assert!(server.kubernetes.run(QUEUED_RUN)["spec"]["cancel"].is_null());
        let other = server.post("globex", "operator", PATH, &body).await;
        assert_eq!((other.status, &other.body["data"][0]["status"]), (200, &json!(404)));
    }

    /// Each run counts as a request, so that a bulk request is no way around the rate limit.
    #[sqlx::test(migrator = "crate::db::MIGRATOR")]
    async fn each_run_counts_as_a_request(pool: PgPool) {
        let server = Server::start(&pool).await;
        server.set_plan_limits(json!({"apiRequestsPerMinute": 100})).await;
        let runs: Vec<_> = (0..70).map(|number| format!("run-{number}")).collect();
        let body = json!({"runs": runs, "mode": "NOW"});
        assert_eq!(server.post("acme", "operator", PATH, &body).await.status, 200);
        let refused = server.post("acme", "operator", PATH, &body).await;
        assert_eq!((refused.status, refused.body["code"].as_str()), (429, Some("rate_limited")));
        assert!(refused.headers.contains_key("retry-after"));
        assert_eq!(server.get("acme", "operator", "/v1/me").await.status, 200, "a single request is left");
    }
}
