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
        extract::{Json, RunId, enum_name},
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
    #[serde(deserialize_with = "enum_name")]
    mode: CancelMode,
}

/// Cancel a run
///
/// Requests the cancellation of a run. The request is idempotent: repeating it with the same mode has no further
/// effect. A run that is being cancelled with `GRACEFUL` can be cancelled with `NOW`, which kills the steps in progress.
///
/// Requires the permission `workflow.run.cancel`. Fails with 404 `not_found` if the tenant has no such run, 409
/// `run_finished`, 409 `cancellation_fixed` if the run is being cancelled with
/// `NOW` and the mode is `GRACEFUL`, or 423 `tenant_suspended`.
#[utoipa::path(
    put, path = "/v1/workflow-runs/{id}/cancellation", tag = "runs",
    params(("id" = String, Path, description = "ID, UID or name of the run")),
    request_body = Cancellation,
    responses((status = ACCEPTED, description = "Run in its current state", body = RunSummary))
)]
pub(in crate::http) async fn cancel_run(
    State(app): State<App>,
    Member { principal: _, tenant }: Member,
    RunId(id): RunId,
    Json(Cancellation { mode }): Json<Cancellation>,
) -> Result<Response, Problem> {
    let run = app::runs::cancel(&app, tenant.scope, id, mode).await?;
    Ok((StatusCode::ACCEPTED, axum::Json(RunSummary::from(run))).into_response())
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use sqlx::PgPool;

    use crate::http::testing::{ACME, QUEUED_RUN, RUN, Server};

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

    /// A graceful cancellation can be escalated, and one that kills cannot become graceful.
    #[sqlx::test(migrator = "crate::db::MIGRATOR")]
    async fn a_graceful_cancellation_can_be_escalated(pool: PgPool) {
        let server = Server::start(&pool).await;
        for (mode, status, cancellation) in [
            ("GRACEFUL", 202, "Graceful"),
            ("GRACEFUL", 202, "Graceful"),
            ("Now", 202, "Now"),
            ("NOW", 202, "Now"),
            ("GRACEFUL", 409, "Now"),
        ] {
            let answer = server.put("acme", "operator", &path(QUEUED_RUN), &json!({"mode": mode})).await;
            assert_eq!(answer.status, status, "{mode}: {}", answer.body);
            assert_eq!(server.kubernetes.run(QUEUED_RUN)["spec"]["cancel"], cancellation, "{mode}");
        }
    }

    /// A misspelt mode is refused instead of replaced by a default.
    #[sqlx::test(migrator = "crate::db::MIGRATOR")]
    async fn an_unknown_mode_is_refused(pool: PgPool) {
        let server = Server::start(&pool).await;
        let answer = server.put("acme", "operator", &path(QUEUED_RUN), &json!({"mode": "Soon"})).await;
        assert_eq!((answer.status, answer.body["code"].as_str()), (422, Some("invalid")));
    }

    /// A change of a large run waits for the memory of its tenant, and requests of other tenants do not.
    #[sqlx::test(migrator = "crate::db::MIGRATOR")]
    async fn a_change_of_a_large_run_waits_for_memory(pool: PgPool) {
        let server = Server::start(&pool).await;
        let large =
            "update workflow_runs set input = to_json(array_fill(0, array[100000])) where id = $1::uuid";
        sqlx::query(large).bind(QUEUED_RUN).execute(&pool).await.unwrap();
        let acme = ACME.parse().unwrap();
        let memory = &server.limits().memory;
        let held = memory.reserve(&acme, memory.per_tenant(), std::time::Duration::ZERO).await.unwrap();
        let (path, body) = (path(QUEUED_RUN), json!({"mode": "NOW"}));
        let mut waiting = std::pin::pin!(server.put("acme", "operator", &path, &body));
        let neighbour = tokio::select! {
            answer = &mut waiting => panic!("answered without memory: {answer:?}"),
            answer = server.get("globex", "viewer", "/v1/tenant") => answer,
        };
        assert_eq!(neighbour.status, 200);
        drop(held);
        assert_eq!(waiting.await.status, 202);
    }

    /// Cancelling requires a permission that viewers lack.
    #[sqlx::test(migrator = "crate::db::MIGRATOR")]
    async fn a_viewer_may_not_cancel(pool: PgPool) {
        let server = Server::start(&pool).await;
        let answer = server.put("acme", "viewer", &path(QUEUED_RUN), &json!({"mode": "NOW"})).await;
        assert_eq!(answer.status, 403);
    }
}
