//! `POST /v1/workflows/{id}/runs`

use axum::{extract::State, response::Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    app::{self, runs::Start},
    http::{
        authorize::Member,
        extract::{Id, Json},
        problem::Problem,
        v1::{
            json::AnyJson,
            workflow_runs::{resource::Run, submission::Submission},
        },
    },
    state::AppState,
};

/// A run to start.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(in crate::http) struct StartRun {
    /// What the run is given, up to 256 KiB; `{}` when absent.
    #[schema(value_type = Option<Object>)]
    #[serde(default)]
    input: Option<AnyJson>,
    /// Runs of a higher priority start first; 0 when absent.
    #[serde(default)]
    priority: Option<i32>,
}

/// Starts a run.
///
/// With `Prefer: wait=30` the answer comes when the run has ended (200), or after that time (202). With an
/// `Idempotency-Key`, a retry gets the run that the first try has started.
#[utoipa::path(
    post, path = "/v1/workflows/{id}/runs", tag = "runs",
    params(
        ("id" = Uuid, Path, description = "The workflow's id"),
        ("Prefer" = Option<String>, Header, description = "`wait=30`: seconds to wait for the run's end, up to 55"),
        ("Idempotency-Key" = Option<String>, Header, description = "1 to 255 characters; kept for 24 h"),
    ),
    request_body = StartRun,
    responses(
        (status = ACCEPTED, description = "The run, as it stands", body = Run,
         headers(("Location" = String, description = "The path of the run"))),
        (status = OK, description = "The run, which has ended", body = Run,
         headers(("Location" = String, description = "The path of the run"))),
    )
)]
pub(in crate::http) async fn start_run(
    State(state): State<AppState>,
    member: Member,
    Id(workflow): Id,
    submission: Submission,
    Json(body): Json<StartRun>,
) -> Result<Response, Problem> {
    let scope = member.tenant.scope;
    let submitted = submission.of(member, &("start_run", workflow, &body));
    let start = Start {
        workflow,
        input: body.input.map_or_else(|| serde_json::json!({}), |AnyJson(input)| input),
        priority: body.priority,
        name: submitted.name.clone(),
        requested_by: submitted.requested_by.clone(),
    };
    submitted.answer(&state, app::runs::start(&state, scope, start)).await
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use sqlx::PgPool;

    use crate::http::testing::{ARCHIVED_WORKFLOW, Server, WORKFLOW};

    fn path(workflow: &str) -> String {
        format!("/v1/workflows/{workflow}/runs")
    }

    /// A viewer spends the tenant's money.
    #[sqlx::test(migrator = "crate::db::MIGRATOR")]
    async fn a_viewer_may_not_start_a_run(pool: PgPool) {
        let server = Server::start(&pool).await;
        let answer = server.post("acme", "viewer", &path(WORKFLOW), &json!({})).await;
        insta::assert_json_snapshot!(answer.without_request());
        assert_eq!(answer.status, 403);
    }

    /// A run is refused, and nobody can tell what is wrong with its input.
    #[sqlx::test(migrator = "crate::db::MIGRATOR")]
    async fn an_input_that_breaks_the_schema_is_refused_with_pointers(pool: PgPool) {
        let server = Server::start(&pool).await;
        let body = json!({"input": {"url": 7}});
        let answer = server.post("acme", "builder", &path(WORKFLOW), &body).await;
        insta::assert_json_snapshot!(answer.without_request());
        assert_eq!(answer.status, 422);
    }

    /// A suspended tenant goes on spending; or its users cannot tell why nothing works.
    #[sqlx::test(migrator = "crate::db::MIGRATOR")]
    async fn a_suspended_tenant_starts_nothing(pool: PgPool) {
        let server = Server::start(&pool).await;
        let answer = server.post("hooli", "builder", &path(WORKFLOW), &json!({})).await;
        assert_eq!((answer.status, answer.body["code"].as_str()), (423, Some("tenant_suspended")));
    }

    /// A workflow that was put away goes on running.
    #[sqlx::test(migrator = "crate::db::MIGRATOR")]
    async fn an_archived_workflow_starts_nothing(pool: PgPool) {
        let server = Server::start(&pool).await;
        let answer = server.post("acme", "builder", &path(ARCHIVED_WORKFLOW), &json!({})).await;
        assert_eq!((answer.status, answer.body["code"].as_str()), (409, Some("workflow_archived")));
    }

    /// A client's mistake looks like ours, or goes unnoticed.
    #[sqlx::test(migrator = "crate::db::MIGRATOR")]
    async fn a_body_that_is_not_one_is_refused_as_what_it_is(pool: PgPool) {
        let server = Server::start(&pool).await;
        let token = server.issuer.token("acme", "builder");
        for (media, body, status, code) in [
            ("application/json", "{", 400, "malformed"),
            ("application/json", r#"{"inputs": {}}"#, 422, "invalid"),
            ("text/plain", "{}", 415, "unsupported_media_type"),
            ("application/json", &format!("\"{}\"", "x".repeat(600_000)), 413, "too_large"),
        ] {
            let answer = server.post_raw(&token, &path(WORKFLOW), media, body).await;
            assert_eq!((answer.status, answer.body["code"].as_str()), (status, Some(code)));
        }
        let large = json!({"input": {"url": "x".repeat(300_000)}});
        let answer = server.post("acme", "builder", &path(WORKFLOW), &large).await;
        assert_eq!((answer.status, answer.body["code"].as_str()), (413, Some("too_large")));
    }

    /// A client that sends a request twice, to two replicas at once, starts two runs.
    #[sqlx::test(migrator = "crate::db::MIGRATOR")]
    async fn one_key_is_one_run_on_two_replicas_at_once(pool: PgPool) {
        let first = Server::start(&pool).await;
        let second = first.replica(&pool).await;
        let (path, body) = (path(WORKFLOW), json!({"input": {"url": "https://acme.example"}}));
        let (path, body) = (path.as_str(), &body);
        let start = async |server: &Server| {
            // While the other is at it, a client is told to come again.
            loop {
                let answer = server.post_with_key("acme", "builder", path, body, "order-1").await;
                if answer.body["code"] != "idempotency_in_flight" {
                    return answer;
                }
                assert_eq!(answer.status, 409);
                tokio::task::yield_now().await;
            }
        };
        for _ in 0..5 {
            let (one, two) = tokio::join!(start(&first), start(&second));
            assert_eq!((one.status, two.status), (202, 202), "{} {}", one.body, two.body);
            assert_eq!(one.body["id"], two.body["id"]);
        }
        let other = json!({"input": {"url": "https://globex.example"}});
        let answer = second.post_with_key("acme", "builder", path, &other, "order-1").await;
        assert_eq!((answer.status, answer.body["code"].as_str()), (422, Some("idempotency_key_reused")));
        assert_eq!(first.kubernetes.count_of_workflow("invoice"), 3, "invoice-1, invoice-2 and the new one");
    }

    /// The database has lost a key, or the process died before it was kept; the retry starts a second run.
    #[sqlx::test(migrator = "crate::db::MIGRATOR")]
    async fn a_retry_finds_its_run_even_where_the_key_was_lost(pool: PgPool) {
        let server = Server::start(&pool).await;
        let body = json!({"input": {"url": "https://acme.example"}});
        let first = server.post_with_key("acme", "builder", &path(WORKFLOW), &body, "order-1").await;
        sqlx::query("delete from idempotency_keys").execute(&pool).await.unwrap();
        let again = server.post_with_key("acme", "builder", &path(WORKFLOW), &body, "order-1").await;
        assert_eq!((again.status, &again.body["id"]), (202, &first.body["id"]));
        sqlx::query("delete from idempotency_keys").execute(&pool).await.unwrap();
        let other = json!({"input": {"url": "https://globex.example"}});
        let answer = server.post_with_key("acme", "builder", &path(WORKFLOW), &other, "order-1").await;
        assert_eq!((answer.status, answer.body["code"].as_str()), (422, Some("idempotency_key_reused")));
    }

    /// While Kubernetes is down, a client takes the failure for its own, or for a started run.
    #[sqlx::test(migrator = "crate::db::MIGRATOR")]
    async fn without_kubernetes_the_client_may_come_again(pool: PgPool) {
        let server = Server::start(&pool).await;
        server.kubernetes.go_down();
        let body = json!({"input": {"url": "https://acme.example"}});
        let answer = server.post("acme", "builder", &path(WORKFLOW), &body).await;
        assert_eq!((answer.status, answer.body["code"].as_str()), (503, Some("unavailable")));
        assert!(answer.headers.contains_key("retry-after"));
    }
}
