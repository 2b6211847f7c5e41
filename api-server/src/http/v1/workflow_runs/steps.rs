//! `GET /v1/workflow-runs/{id}/steps`

use axum::{extract::State, http::HeaderMap, response::Response};
use serde::Serialize;
use utoipa::ToSchema;

use super::step::Step;
use crate::{
    app::{self, App, runs},
    http::{authorize::Member, etag, extract::RunReference},
    problem::Problem,
};

/// Steps of a run: at most 80, all on one page.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct Steps {
    /// Steps in the order of the workflow.
    data: Vec<Step>,
}

/// List the steps of a run
///
/// Returns all steps in the order of the workflow. Requires the permission `workflow.run.read`. Fails with 404
/// `not_found` if the tenant has no such run.
#[utoipa::path(
    get, path = "/v1/workflow-runs/{id}/steps", tag = "runs",
    params(
        ("id" = String, Path, description = "ID, UID or name of the run"),
        ("If-None-Match" = Option<String>, Header, description = "`ETag` of an earlier response"),
    ),
    responses(
        (status = OK, description = "Steps of the run", body = Steps),
        (status = NOT_MODIFIED, description = "The steps have not changed"),
    )
)]
pub(in crate::http) async fn list_steps(
    State(app): State<App>,
    Member { principal: _, tenant }: Member,
    RunReference(reference): RunReference,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let (details, _held) = app::runs::find_details(&app, tenant.scope, &reference).await?;
    let steps = runs::parse_steps(&details.content.steps);
    Ok(etag::with_etag(&headers, &Steps { data: steps.into_iter().map(Step::from).collect() }))
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use sqlx::PgPool;

    use crate::http::testing::{FAILED_RUN, QUEUED_RUN, Server};

    /// Clients see which step failed, at which attempt, and why.
    #[sqlx::test(migrator = "crate::db::MIGRATOR")]
    async fn steps_show_attempts_times_and_errors(pool: PgPool) {
        let server = Server::start(&pool).await;
        let answer = server.get("acme", "viewer", &format!("/v1/workflow-runs/{FAILED_RUN}/steps")).await;
        insta::assert_json_snapshot!(answer.body);
    }

    /// A client that polls unchanged steps does not download them again.
    #[sqlx::test(migrator = "crate::db::MIGRATOR")]
    async fn unchanged_steps_are_not_sent_again(pool: PgPool) {
        let server = Server::start(&pool).await;
        let path = format!("/v1/workflow-runs/{QUEUED_RUN}/steps");
        let tag = server.get("acme", "viewer", &path).await.headers["etag"].clone();
        let tag = tag.to_str().unwrap();
        let again = server.get_with("acme", "viewer", &path, "if-none-match", tag).await;
        assert_eq!((again.status, again.bytes.len()), (304, 0));
        let steps = json!([{"name": "fetch", "phase": "Running", "attempt": 1}]);
        server.set_status(QUEUED_RUN, json!({"phase": "Running", "steps": steps})).await;
        let changed = server.get_with("acme", "viewer", &path, "if-none-match", tag).await;
        assert_eq!((changed.status, &changed.body["data"][0]["status"]), (200, &json!("RUNNING")));
    }
}
