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
    app,
    http::{
        authorize::Member,
        extract::{Id, Json},
        problem::Problem,
    },
    state::AppState,
    store::CancelMode,
};

/// How a run is to stop.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(in crate::http) struct Cancellation {
    /// `GRACEFUL`: steps that run may end, no other begins. `NOW`: steps that run are killed.
    #[schema(value_type = String, example = "GRACEFUL")]
    mode: CancelMode,
}

/// Asks a run to stop. Asking twice in the same way is asking once.
#[utoipa::path(
    put, path = "/v1/workflow-runs/{id}/cancellation", tag = "runs",
    params(("id" = Uuid, Path, description = "The run's id")),
    request_body = Cancellation,
    responses((status = ACCEPTED, description = "The run, as it stands", body = RunSummary))
)]
pub(in crate::http) async fn cancel_run(
    State(state): State<AppState>,
    Member { principal: _, tenant }: Member,
    Id(id): Id,
    Json(Cancellation { mode }): Json<Cancellation>,
) -> Result<Response, Problem> {
    let run = app::runs::cancel(&state, tenant.scope, id, mode).await?;
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

    /// A client believes that it has stopped what has long ended.
    #[sqlx::test(migrator = "crate::db::MIGRATOR")]
    async fn a_run_that_has_ended_cannot_be_cancelled(pool: PgPool) {
        let server = Server::start(&pool).await;
        let answer = server.put("acme", "operator", &path(RUN), &json!({"mode": "NOW"})).await;
        insta::assert_json_snapshot!(answer.without_request());
        assert_eq!(answer.status, 409);
    }

    /// A misspelt mode kills steps that were to end in peace.
    #[sqlx::test(migrator = "crate::db::MIGRATOR")]
    async fn a_mode_that_does_not_exist_is_refused(pool: PgPool) {
        let server = Server::start(&pool).await;
        let answer = server.put("acme", "operator", &path(QUEUED_RUN), &json!({"mode": "Now"})).await;
        assert_eq!((answer.status, answer.body["code"].as_str()), (422, Some("invalid")));
    }

    /// A viewer stops the work of others.
    #[sqlx::test(migrator = "crate::db::MIGRATOR")]
    async fn a_viewer_may_not_cancel(pool: PgPool) {
        let server = Server::start(&pool).await;
        let answer = server.put("acme", "viewer", &path(QUEUED_RUN), &json!({"mode": "NOW"})).await;
        assert_eq!(answer.status, 403);
    }
}
