//! `GET /v1/workflow-runs/{id}`

use axum::{extract::State, http::HeaderMap, response::Response};

use super::resource::Run;
use crate::{
    app,
    http::{
        authorize::Member,
        etag,
        extract::{Id, Wait},
        problem::Problem,
    },
    state::AppState,
};

/// One run.
///
/// With `Prefer: wait=30` the answer comes when the run has ended, or after that time.
#[utoipa::path(
    get, path = "/v1/workflow-runs/{id}", tag = "runs",
    params(
        ("id" = Uuid, Path, description = "The run's id"),
        ("Prefer" = Option<String>, Header, description = "`wait=30`: seconds to wait for the run's end, up to 55"),
        ("If-None-Match" = Option<String>, Header, description = "The `ETag` of an earlier answer"),
    ),
    responses(
        (status = OK, description = "The run", body = Run),
        (status = NOT_MODIFIED, description = "The run is as it was"),
    )
)]
pub(in crate::http) async fn get_run(
    State(state): State<AppState>,
    Member { principal: _, tenant }: Member,
    Id(id): Id,
    wait: Wait,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let Wait(at_most) = wait;
    if !at_most.is_zero() {
        app::runs::wait(&state, tenant.scope, id, at_most).await?;
    }
    let whole = app::runs::whole(&state, tenant.scope, id).await?;
    let mut response = etag::tagged(&headers, &Run::from(whole));
    response.headers_mut().extend(wait.applied());
    Ok(response)
}

#[cfg(test)]
mod tests {
    use std::{pin::pin, time::Duration};

    use sqlx::PgPool;

    use crate::http::testing::{QUEUED_RUN, RUN, Server};

    /// A client cannot see what a run was given and what came of it.
    #[sqlx::test(migrator = "crate::db::MIGRATOR")]
    async fn a_run_is_shown_with_input_and_output(pool: PgPool) {
        let server = Server::start(&pool).await;
        let answer = server.get("acme", "viewer", &format!("/v1/workflow-runs/{RUN}")).await;
        insta::assert_json_snapshot!(answer.body);
    }

    /// Who polls a run transfers all of it each time.
    #[sqlx::test(migrator = "crate::db::MIGRATOR")]
    async fn a_run_that_has_not_changed_is_not_sent_again(pool: PgPool) {
        let server = Server::start(&pool).await;
        let path = format!("/v1/workflow-runs/{RUN}");
        let tag = server.get("acme", "viewer", &path).await.headers["etag"].clone();
        let again = server.get_with("acme", "viewer", &path, "if-none-match", tag.to_str().unwrap()).await;
        assert_eq!((again.status, again.body), (304, serde_json::Value::Null));
    }

    /// A script that waits for its run polls in a tight loop, or hangs for ever.
    #[sqlx::test(migrator = "crate::db::MIGRATOR")]
    async fn a_preferred_wait_ends_with_the_run_or_with_the_time(pool: PgPool) {
        let server = Server::start(&pool).await;
        let path = format!("/v1/workflow-runs/{QUEUED_RUN}");
        let mut waiting = pin!(server.get_with("acme", "viewer", &path, "prefer", "wait=30"));
        let early = tokio::time::timeout(Duration::from_millis(300), &mut waiting).await;
        assert!(early.is_err(), "answered while the run is queued");
        server.finish_queued_run().await;
        let answer = waiting.await;
        assert_eq!((answer.status, answer.body["status"].as_str()), (200, Some("SUCCEEDED")));
        assert_eq!(answer.headers["preference-applied"], "wait=30");
    }

    /// A rollout takes as long as the longest wait, or cuts it off without an answer.
    #[sqlx::test(migrator = "crate::db::MIGRATOR")]
    async fn a_wait_is_answered_when_the_process_leaves(pool: PgPool) {
        let server = Server::start(&pool).await;
        let path = format!("/v1/workflow-runs/{QUEUED_RUN}");
        server.stop();
        let waiting = server.get_with("acme", "viewer", &path, "prefer", "wait=50");
        let answer = tokio::time::timeout(Duration::from_secs(10), waiting).await.unwrap();
        assert_eq!((answer.status, answer.body["status"].as_str()), (200, Some("QUEUED")));
    }

    /// Another business reads a run.
    #[sqlx::test(migrator = "crate::db::MIGRATOR")]
    async fn anothers_run_is_not_there(pool: PgPool) {
        let server = Server::start(&pool).await;
        assert_eq!(server.get("globex", "owner", &format!("/v1/workflow-runs/{RUN}")).await.status, 404);
    }
}
