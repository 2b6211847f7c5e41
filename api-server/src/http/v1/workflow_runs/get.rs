//! `GET /v1/workflow-runs/{id}`

use axum::{extract::State, http::HeaderMap, response::Response};

use super::resource::{Run, RunField, RunSummary};
use crate::{
    app::{self, App},
    http::{
        authorize::Member,
        etag,
        extract::{RunReference, Wait},
        fields::Fields,
    },
    problem::Problem,
};

/// Get a run
///
/// Returns a run with its input and output. The run is named by its ID, by the UID of its object or by its name, here and in
/// all paths below it. If several runs had the name one after the other, it is the one that exists in Kubernetes, or else
/// the newest. With `Prefer: wait=30` the response is sent when the run has finished or
/// after 30 seconds. Requires the permission `workflow.run.read`. Fails with 404 `not_found` if the tenant has no such
/// run.
#[utoipa::path(
    get, path = "/v1/workflow-runs/{id}", tag = "runs",
    params(
        ("id" = String, Path, description = "ID, UID or name of the run"),
        ("Prefer" = Option<String>, Header, description = "`wait=<seconds>`: time to wait for the end of the run, at most 55 seconds. Default: 0."),
        ("If-None-Match" = Option<String>, Header, description = "`ETag` of an earlier response"),
        Fields<RunField>,
    ),
    responses(
        (status = OK, description = "Run", body = Run),
        (status = NOT_MODIFIED, description = "The run has not changed"),
    )
)]
pub(in crate::http) async fn get_run(
    State(app): State<App>,
    Member { principal: _, tenant }: Member,
    RunReference(mut reference): RunReference,
    wait: Wait,
    fields: Fields<RunField>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let (Wait(limit), scope) = (wait, tenant.scope);
    let mut applied = None;
    if !limit.is_zero() {
        let id = app::runs::find(&app, scope, &reference).await?;
        applied = wait.applied(&app::runs::wait(&app, scope, id, limit).await?);
        // Another run may have got the name meanwhile.
        reference = id.to_string();
    }
    let mut response = if fields.has_any(&RunField::CONTENT) {
        let (details, _held) = app::runs::find_details(&app, scope, &reference).await?;
        etag::with_etag(&headers, &fields.select(Run::from(details)))
    } else {
        let run = app::runs::find_row(&app, scope, &reference).await?;
        etag::with_etag(&headers, &fields.select(RunSummary::from(run)))
    };
    response.headers_mut().extend(applied);
    Ok(fields.mark(response))
}

#[cfg(test)]
mod tests {
    use std::{pin::pin, time::Duration};

    use sqlx::PgPool;

    use crate::http::testing::{QUEUED_RUN, RUN, Server};

    /// Clients see the input and the output of a run.
    #[sqlx::test(migrator = "crate::db::MIGRATOR")]
    async fn a_run_is_returned_with_input_and_output(pool: PgPool) {
        let server = Server::start(&pool).await;
        let answer = server.get("acme", "viewer", &format!("/v1/workflow-runs/{RUN}")).await;
        insta::assert_json_snapshot!(answer.body);
    }

    /// A client that polls an unchanged run does not download it again.
    #[sqlx::test(migrator = "crate::db::MIGRATOR")]
    async fn an_unchanged_run_is_not_sent_again(pool: PgPool) {
        let server = Server::start(&pool).await;
        let path = format!("/v1/workflow-runs/{RUN}");
        let tag = server.get("acme", "viewer", &path).await.headers["etag"].clone();
        let again = server.get_with("acme", "viewer", &path, "if-none-match", tag.to_str().unwrap()).await;
        assert_eq!((again.status, again.body), (304, serde_json::Value::Null));
    }

    /// A client can wait for the end of a run without polling.
    #[sqlx::test(migrator = "crate::db::MIGRATOR")]
    async fn a_preferred_wait_ends_with_the_run(pool: PgPool) {
        let server = Server::start(&pool).await;
        let path = format!("/v1/workflow-runs/{QUEUED_RUN}");
        let mut waiting = pin!(server.get_with("acme", "viewer", &path, "prefer", "wait=30"));
        let early = tokio::time::timeout(Duration::from_millis(300), &mut waiting).await;
        assert!(early.is_err(), "the response was sent while the run was queued");
        server.finish_queued_run().await;
        let answer = waiting.await;
        assert_eq!((answer.status, answer.body["status"].as_str()), (200, Some("SUCCEEDED")));
        assert_eq!(answer.headers["preference-applied"], "wait=30");
    }

    /// A shutdown answers waiting requests at once, so that it neither takes long nor drops them.
    #[sqlx::test(migrator = "crate::db::MIGRATOR")]
    async fn a_wait_is_answered_when_the_process_shuts_down(pool: PgPool) {
        let server = Server::start(&pool).await;
        let path = format!("/v1/workflow-runs/{QUEUED_RUN}");
        server.stop();
        let waiting = server.get_with("acme", "viewer", &path, "prefer", "wait=50");
        let answer = tokio::time::timeout(Duration::from_secs(10), waiting).await.unwrap();
        assert_eq!((answer.status, answer.body["status"].as_str()), (200, Some("QUEUED")));
    }

    /// A run is found by its name and by the UID of its object, also after its object was deleted, and so is its log.
    #[sqlx::test(migrator = "crate::db::MIGRATOR")]
    async fn a_run_is_found_by_its_name_and_its_uid(pool: PgPool) {
        let server = Server::start(&pool).await;
        let uid = "dddddddd-0000-4000-8000-000000000001";
        let update = "update workflow_runs set live = false, uid = $2::uuid where id = $1::uuid";
        sqlx::query(update).bind(RUN).bind(uid).execute(&pool).await.unwrap();
        for reference in [RUN, uid, "invoice-1"] {
            for what in ["", "/steps", "/logs", "/output", "/steps/fetch/output"] {
                let path = format!("/v1/workflow-runs/{reference}{what}");
                let answer = server.get("acme", "viewer", &path).await;
                assert_eq!(answer.status, 200, "{path}: {}", answer.body);
            }
            let answer = server.get("acme", "viewer", &format!("/v1/workflow-runs/{reference}")).await;
            assert_eq!(answer.body["id"], RUN);
            assert_eq!(
                server.get("globex", "owner", &format!("/v1/workflow-runs/{reference}")).await.status,
                404
            );
        }
    }

    /// Of several runs with the same name, the one that exists in Kubernetes is found.
    #[sqlx::test(migrator = "crate::db::MIGRATOR")]
    async fn the_live_run_has_its_name(pool: PgPool) {
        let server = Server::start(&pool).await;
        let update = "update workflow_runs set name = 'again', live = id = $1::uuid";
        sqlx::query(update).bind(RUN).execute(&pool).await.unwrap();
        assert_eq!(server.get("acme", "viewer", "/v1/workflow-runs/again").await.body["id"], RUN);
        sqlx::query("update workflow_runs set live = false").execute(&pool).await.unwrap();
        let newest = server.get("acme", "viewer", "/v1/workflow-runs/again").await;
        assert_eq!(newest.body["id"], QUEUED_RUN);
    }

    /// Runs of other tenants are not visible.
    #[sqlx::test(migrator = "crate::db::MIGRATOR")]
    async fn a_run_of_another_tenant_is_not_found(pool: PgPool) {
        let server = Server::start(&pool).await;
        assert_eq!(server.get("globex", "owner", &format!("/v1/workflow-runs/{RUN}")).await.status, 404);
    }
}
