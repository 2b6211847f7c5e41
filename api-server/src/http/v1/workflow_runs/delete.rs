//! `DELETE /v1/workflow-runs/{id}`

use axum::{extract::State, http::StatusCode};

use crate::{
    app::{self, App},
    http::{authorize::Member, extract::RunId},
    problem::Problem,
};

/// Delete a run
///
/// Deletes a finished run with its record and its log. Without this, they are deleted after the retention of the plan. Stored outputs
/// to which no other run refers are deleted within a day. The events of the run stay until their retention has ended.
///
/// Requires the permission `workflow.run.delete`. Fails with 404 `not_found` if the tenant has no such run, 409 `run_unfinished` if the
/// run has not finished: cancel it first, 409 `run_in_use` if an unfinished run needs it, or 423 `tenant_suspended`.
#[utoipa::path(
    delete, path = "/v1/workflow-runs/{id}", tag = "runs",
    params(("id" = String, Path, description = "ID, UID or name of the run")),
    responses((status = NO_CONTENT, description = "The run was deleted"))
)]
pub(in crate::http) async fn delete_run(
    State(app): State<App>,
    Member { principal: _, tenant }: Member,
    RunId(id): RunId,
) -> Result<StatusCode, Problem> {
    app::runs::delete(&app, tenant.scope, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use sqlx::PgPool;

    use crate::http::testing::{Answer, FAILED_RUN, QUEUED_RUN, RUN, Server};

    async fn delete(server: &Server, role: &str, run: &str) -> Answer {
        server.request("acme", role, "DELETE", &format!("/v1/workflow-runs/{run}")).await
    }

    fn code(answer: &Answer) -> (u16, &str) {
        (answer.status, answer.body["code"].as_str().unwrap_or_default())
    }

    /// A finished run is deleted everywhere, and stays deleted.
    #[sqlx::test(migrator = "crate::db::MIGRATOR")]
    async fn a_finished_run_is_deleted_with_its_object(pool: PgPool) {
        let server = Server::start(&pool).await;
        assert_eq!(delete(&server, "admin", RUN).await.status, 204);
        assert!(!server.kubernetes.has_run(RUN));
        for path in ["", "/logs", "/events"] {
            let path = format!("/v1/workflow-runs/{RUN}{path}");
            assert_eq!(server.get("acme", "viewer", &path).await.status, 404, "{path}");
        }
        assert_eq!(code(&delete(&server, "admin", RUN).await), (404, "not_found"));
        let events = server.get("acme", "viewer", "/v1/events").await;
        let last = events.body["data"].as_array().unwrap().last().unwrap().clone();
        assert_eq!((&last["change"], &last["objectId"]), (&json!("DELETED"), &json!(RUN)));
    }

    /// The record of a run whose object is gone can be deleted.
    #[sqlx::test(migrator = "crate::db::MIGRATOR")]
    async fn a_record_is_deleted(pool: PgPool) {
        let server = Server::start(&pool).await;
        let update = "update workflow_runs set live = false, uid = null where id = $1::uuid";
        sqlx::query(update).bind(FAILED_RUN).execute(&pool).await.unwrap();
        assert_eq!(delete(&server, "owner", "invoice-2").await.status, 204);
        assert!(server.kubernetes.has_run(FAILED_RUN), "an object of another run of that name stays");
    }

    /// Runs that are needed are not deleted, and only administrators delete the history.
    #[sqlx::test(migrator = "crate::db::MIGRATOR")]
    async fn runs_that_are_needed_are_not_deleted(pool: PgPool) {
        let server = Server::start(&pool).await;
        assert_eq!(code(&delete(&server, "admin", QUEUED_RUN).await), (409, "run_unfinished"));
        for role in ["viewer", "operator", "builder"] {
            assert_eq!(code(&delete(&server, role, RUN).await), (403, "forbidden"), "{role}");
        }
        let reuse = "update workflow_runs set reuse = '{\"run\": \"invoice-1\", \"from\": \"Failed\"}' where id = $1::uuid";
        sqlx::query(reuse).bind(QUEUED_RUN).execute(&pool).await.unwrap();
        let refused = delete(&server, "admin", RUN).await;
        assert_eq!(code(&refused), (409, "run_in_use"));
        assert!(refused.body["detail"].as_str().unwrap().contains("report-1"), "{}", refused.body);
        let parent = "update workflow_runs set trigger = '{\"kind\": \"Workflow\", \"parent\": {\"name\": \"report-1\"}}' \
                      where id = $1::uuid";
        sqlx::query(parent).bind(FAILED_RUN).execute(&pool).await.unwrap();
        assert_eq!(code(&delete(&server, "admin", FAILED_RUN).await), (409, "run_in_use"));
        assert_eq!(code(&delete(&server, "admin", "nonsense!").await), (404, "not_found"));
        let globex = server.request("globex", "admin", "DELETE", &format!("/v1/workflow-runs/{RUN}")).await;
        assert_eq!(code(&globex), (404, "not_found"));
        server.kubernetes.go_down();
        sqlx::query("update workflow_runs set reuse = null").execute(&pool).await.unwrap();
        assert_eq!(code(&delete(&server, "admin", RUN).await), (503, "unavailable"));
        assert_eq!(server.get("acme", "viewer", &format!("/v1/workflow-runs/{RUN}")).await.status, 200);
    }
}
