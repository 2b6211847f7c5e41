//! `POST /v1/workflow-run-reruns`

use axum::extract::State;
use serde::Deserialize;
use utoipa::ToSchema;

use super::body::{BulkResults, Outcome, RUNS};
use crate::{
    app::{
        self, App,
        idempotency::IdempotencyKey,
        runs::{BulkRuns, Requester},
    },
    http::{
        authorize::Member,
        extract::Json,
        v1::workflow_runs::rerun::{From, from_schema, reuse_from},
    },
    problem::Problem,
};

/// Rerun of several runs.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(in crate::http) struct BulkRerun {
    /// IDs, UIDs or names of the runs; 1 to 100.
    #[schema(min_items = 1, max_items = 100)]
    runs: Vec<String>,
    #[schema(schema_with = from_schema)]
    #[serde(default)]
    from: Option<From>,
}

/// Run several runs again
///
/// Starts a new run for each of up to 100 runs, as `POST /v1/workflow-runs/{id}/reruns` does. The response has a result for each run, in
/// the order of the request. A run that could not be processed within about 8 seconds has the status 503: repeat the request with the
/// same `Idempotency-Key`, which starts no run twice. Each run counts as a request of the rate limit.
///
/// Requires the permission `workflow.run.rerun`. Fails with 422 `invalid` if a run is named twice.
#[utoipa::path(
    post, path = "/v1/workflow-run-reruns", tag = "runs",
    params(
        ("Idempotency-Key" = Option<String>, Header, description = "Idempotency key, 1 to 255 printable ASCII characters, valid for 24 hours. It applies to each run."),
    ),
    request_body = BulkRerun,
    responses((status = OK, description = "Results", body = BulkResults))
)]
pub(in crate::http) async fn rerun_runs(
    State(app): State<App>,
    Member { principal, tenant }: Member,
    key: Option<IdempotencyKey>,
    Json(BulkRerun { runs, from }): Json<BulkRerun>,
) -> Result<axum::Json<BulkResults>, Problem> {
    app::runs::admit(&app, &principal.email, &tenant, &runs, RUNS)?;
    let from = from.map(reuse_from).transpose()?;
    let requester = Requester { email: principal.email, key };
    let results = app::runs::rerun_all(
        &app,
        tenant.scope,
        BulkRuns::new(&runs),
        from.as_ref(),
        &requester,
        &Outcome::OF_RUN,
    )
    .await;
    Ok(axum::Json(BulkResults::new(runs, results)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use sqlx::PgPool;

    use crate::http::testing::{FAILED_RUN, RUN, Server};

    /// A repetition with the same key starts no run twice, also if it names further runs.
    #[sqlx::test(migrator = "crate::db::MIGRATOR")]
    async fn one_key_starts_each_run_once(pool: PgPool) {
        let server = Server::start(&pool).await;
        let before = server.kubernetes.count_of_workflow("invoice");
        let send = async |runs: serde_json::Value| {
            let (path, body) = ("/v1/workflow-run-reruns", json!({"runs": runs}));
            let answer = server.post_with_key("acme", "operator", path, &body, "again").await;
            assert_eq!(answer.status, 200, "{}", answer.body);
            let results = answer.body["data"].as_array().unwrap().clone();
            results.into_iter().map(|result| result["run"]["id"].clone()).collect::<Vec<_>>()
        };
        let first = send(json!([RUN, "no-such-run"])).await;
        let second = send(json!([FAILED_RUN, RUN])).await;
        assert!(first[0].is_string() && first[1].is_null() && second[0].is_string());
        assert_eq!(first[0], second[1]);
        assert_eq!(server.kubernetes.count_of_workflow("invoice"), before + 2);
    }

    /// A selection of steps applies to each run.
    #[sqlx::test(migrator = "crate::db::MIGRATOR")]
    async fn a_selection_applies_to_each_run(pool: PgPool) {
        let server = Server::start(&pool).await;
        let body = json!({"runs": [FAILED_RUN, RUN], "from": ["total", "totl"]});
        let answer = server.post("acme", "operator", "/v1/workflow-run-reruns", &body).await;
        let results = answer.body["data"].as_array().unwrap();
        assert!(results.iter().all(|result| result["problem"]["errors"][0]["pointer"] == "/from/1"));
        let nonsense = json!({"runs": [RUN], "from": "SOMEWHERE"});
        let refused = server.post("acme", "operator", "/v1/workflow-run-reruns", &nonsense).await;
        assert_eq!((refused.status, refused.body["code"].as_str()), (422, Some("invalid")));
    }
}
