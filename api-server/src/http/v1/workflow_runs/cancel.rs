//! `PUT /v1/workflow-runs/{id}/cancellation`

use axum::{
    extract::State,
    http::StatusCode,
    response::{IntoResponse as _, Response},
};
use serde::Deserialize;
use utoipa::ToSchema;

use super::resource::RunSummary;
use crate::{
    app::{self, App},
    http::{
        authorize::Member,
        extract::{Id, Json},
    },
    problem::Problem,
    store::CancelMode,
};

/// Cancellation of a run.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(in crate::http) struct Cancellation {
    /// Mode of the cancellation. `GRACEFUL`: steps in progress finish, and no other step starts. `NOW`: steps in
    /// progress are killed.
    #[schema(value_type = String, example = "GRACEFUL")]
    mode: CancelMode,
}

/// Cancel a run
///
/// Requests the cancellation of a run. The request is idempotent: repeating it with the same mode has no further
/// effect.
///
/// Requires the permission `workflow.run.cancel`. Fails with 404 `not_found` if the tenant has no such run, 409
/// `run_finished`, 409 `cancellation_fixed` if the run is being cancelled with another mode, or 423 `tenant_suspended`.
#[utoipa::path(
    put, path = "/v1/workflow-runs/{id}/cancellation", tag = "runs",
    params(("id" = Uuid, Path, description = "ID of the run")),
    request_body = Cancellation,
    responses((status = ACCEPTED, description = "Run in its current state", body = RunSummary))
)]
pub(in crate::http) async fn cancel_run(
    State(app): State<App>,
    Member { principal: _, tenant }: Member,
    Id(id): Id,
    Json(Cancellation { mode }): Json<Cancellation>,
) -> Result<Response, Problem> {
    let run = app::runs::cancel(&app, tenant.scope, id, mode).await?;
    Ok((StatusCode::ACCEPTED, axum::Json(RunSummary::from(run))).into_response())
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use sqlx::PgPool;

    use crate::http::testing::{QUEUED_RUN, RUN, Server};

    fn path(run: &str) -> String {
        format!("/v1/workflow-runs/{run}/cancellation")
    }

    /// Cancelling a finished run is an error.
    #[sqlx::test(migrator = "crate::db::MIGRATOR")]
    async fn a_finished_run_cannot_be_cancelled(pool: PgPool) {
        let server = Server::start(&pool).await;
        let answer = server.put("acme", "operator", &path(RUN), &json!({"mode": "NOW"})).await;
        insta::assert_json_snapshot!(answer.without_request());
        assert_eq!(answer.status, 409);
    }

    /// A misspelt mode is refused instead of replaced by a default.
    #[sqlx::test(migrator = "crate::db::MIGRATOR")]
    async fn an_unknown_mode_is_refused(pool: PgPool) {
        let server = Server::start(&pool).await;
        let answer = server.put("acme", "operator", &path(QUEUED_RUN), &json!({"mode": "Now"})).await;
        assert_eq!((answer.status, answer.body["code"].as_str()), (422, Some("invalid")));
    }

    /// Cancelling requires a permission that viewers lack.
    #[sqlx::test(migrator = "crate::db::MIGRATOR")]
    async fn a_viewer_may_not_cancel(pool: PgPool) {
        let server = Server::start(&pool).await;
        let answer = server.put("acme", "viewer", &path(QUEUED_RUN), &json!({"mode": "NOW"})).await;
        assert_eq!(answer.status, 403);
    }
}
