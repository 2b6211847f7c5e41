//! `POST /v1/workflows/{id}/runs`

use axum::{extract::State, response::Response};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::{
    app::{self, App, idempotency::KeyedAction, runs::Start},
    http::{
        authorize::Member,
        extract::{Id, Json},
        v1::{
            json::AnyJson,
            workflow_runs::{resource::Run, submission::SubmissionHeaders},
        },
    },
    problem::Problem,
};

/// Parameters of a new run.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(in crate::http) struct StartRun {
    /// Input of the run, at most 256 KiB as compact JSON. It must match the input schema of the workflow. Default:
    /// `{}`.
    #[schema(value_type = Option<Object>)]
    #[serde(default)]
    input: Option<AnyJson>,
    /// Priority of the run in the queue of its tenant; -100 to 100, higher values start first. Default: 0.
    #[serde(default)]
    priority: Option<i32>,
}

/// Start a run
///
/// Starts a run of a workflow. With `Prefer: wait=30` the response is sent when the run has finished (200) or after 30
/// seconds (202). With an `Idempotency-Key`, a retry returns the run that the first request has started and the
/// header `Idempotent-Replayed: true`.
///
/// Requires the permission `workflow.run.create`. Fails with 404 `not_found` if the tenant has no such workflow, 409
/// `workflow_archived`, 409 `plan_limit_reached`, 409 `idempotency_in_flight`, 413 `too_large`, 422 `workflow_invalid`
/// with the problems of the workflow, 422 `invalid_input`, 422 `input_too_costly`, 422 `idempotency_key_reused`, 423
/// `tenant_suspended`, or 429 `busy`.
#[utoipa::path(
    post, path = "/v1/workflows/{id}/runs", tag = "runs",
    params(
        ("id" = Uuid, Path, description = "ID of the workflow"),
        ("Prefer" = Option<String>, Header, description = "`wait=<seconds>`: time to wait for the end of the run, at most 55 seconds. Default: 0."),
        ("Idempotency-Key" = Option<String>, Header, description = "Idempotency key, 1 to 255 printable ASCII characters, valid for 24 hours"),
    ),
    request_body = StartRun,
    responses(
        (status = ACCEPTED, description = "Run that has not finished", body = Run,
         headers(("Location" = String, description = "Path of the run"))),
        (status = OK, description = "Run that has finished", body = Run,
         headers(("Location" = String, description = "Path of the run"))),
    )
)]
pub(in crate::http) async fn start_run(
    State(app): State<App>,
    member: Member,
    Id(workflow): Id,
    headers: SubmissionHeaders,
    Json(body): Json<StartRun>,
) -> Result<Response, Problem> {
    let scope = member.tenant.scope;
    let StartRun { input, priority } = body;
    let input = input.map_or_else(|| serde_json::json!({}), |AnyJson(input)| input);
    let action = KeyedAction::StartRun { workflow, input: &input, priority };
    let submission = headers.submission(member, &action);
    let start = Start {
        workflow,
        input,
        priority,
        name: submission.name.clone(),
        requested_by: submission.requested_by.clone(),
    };
    submission.submit(&app, app::runs::start(&app, scope, start)).await
}

#[cfg(test)]
mod tests {
    use futures::{StreamExt as _, stream::FuturesUnordered};
    use serde_json::json;
    use sqlx::PgPool;

    use crate::http::testing::{ACME, ARCHIVED_WORKFLOW, Server, WORKFLOW};

    fn path(workflow: &str) -> String {
        format!("/v1/workflows/{workflow}/runs")
    }

    /// Starting a run requires a permission that viewers lack.
    #[sqlx::test(migrator = "crate::db::MIGRATOR")]
    async fn a_viewer_may_not_start_a_run(pool: PgPool) {
        let server = Server::start(&pool).await;
        let answer = server.post("acme", "viewer", &path(WORKFLOW), &json!({})).await;
        insta::assert_json_snapshot!(answer.without_request());
        assert_eq!(answer.status, 403);
    }

    /// The response names the input fields that do not match the schema.
    #[sqlx::test(migrator = "crate::db::MIGRATOR")]
    async fn an_input_that_breaks_the_schema_is_refused_with_pointers(pool: PgPool) {
        let server = Server::start(&pool).await;
        let body = json!({"input": {"url": 7}});
        let answer = server.post("acme", "builder", &path(WORKFLOW), &body).await;
        insta::assert_json_snapshot!(answer.without_request());
        assert_eq!(answer.status, 422);
    }

    /// A suspended tenant cannot start runs, and the error says why.
    #[sqlx::test(migrator = "crate::db::MIGRATOR")]
    async fn a_suspended_tenant_starts_nothing(pool: PgPool) {
        let server = Server::start(&pool).await;
        let answer = server.post("hooli", "builder", &path(WORKFLOW), &json!({})).await;
        assert_eq!((answer.status, answer.body["code"].as_str()), (423, Some("tenant_suspended")));
    }

    /// An archived workflow cannot be run.
    #[sqlx::test(migrator = "crate::db::MIGRATOR")]
    async fn an_archived_workflow_starts_nothing(pool: PgPool) {
        let server = Server::start(&pool).await;
        let answer = server.post("acme", "builder", &path(ARCHIVED_WORKFLOW), &json!({})).await;
        assert_eq!((answer.status, answer.body["code"].as_str()), (409, Some("workflow_archived")));
    }

    /// An invalid workflow cannot be run, and the error lists its problems.
    #[sqlx::test(migrator = "crate::db::MIGRATOR")]
    async fn an_invalid_workflow_starts_nothing_and_its_problems_are_listed(pool: PgPool) {
        let server = Server::start(&pool).await;
        let problems =
            json!([{"path": "spec.steps[1].when", "code": "UnknownStep", "message": "no step fetsh"}]);
        let update = "update workflows set valid = false, problems = $1::json where name = 'invoice'";
        sqlx::query(update).bind(problems.to_string()).execute(&pool).await.unwrap();
        let body = json!({"input": {"url": "https://acme.example"}});
        let answer = server.post("acme", "builder", &path(WORKFLOW), &body).await;
        assert_eq!((answer.status, answer.body["code"].as_str()), (422, Some("workflow_invalid")));
        let expected = json!({
            "pointer": "", "code": "unknown_step", "message": "spec.steps[1].when: no step fetsh",
        });
        assert_eq!(answer.body["errors"], json!([expected]));
        assert_eq!(server.kubernetes.count_of_workflow("invoice"), 2);
    }

    /// A run is created although the API server refuses it at first because others change the quota that counts it; while this
    /// goes on, the caller is asked to try again.
    #[sqlx::test(migrator = "crate::db::MIGRATOR")]
    async fn a_run_is_created_although_its_quota_is_contended(pool: PgPool) {
        let server = Server::start(&pool).await;
        let body = json!({"input": {"url": "https://acme.example"}});
        server.kubernetes.contend_creations(2);
        assert_eq!(server.post("acme", "builder", &path(WORKFLOW), &body).await.status, 202);
        server.kubernetes.contend_creations(usize::MAX);
        let refused = server.post("acme", "builder", &path(WORKFLOW), &body).await;
        assert_eq!((refused.status, refused.body["code"].as_str()), (503, Some("unavailable")));
        assert!(refused.headers.contains_key("retry-after"), "{refused:?}");
    }

    /// A run beyond the plan's limits of unfinished runs is refused before it is created, with both numbers. A repeated request
    /// finds its run.
    #[sqlx::test(migrator = "crate::db::MIGRATOR")]
    async fn a_run_beyond_the_limits_of_unfinished_runs_is_refused(pool: PgPool) {
        let server = Server::start(&pool).await;
        let body = json!({"input": {"url": "https://acme.example"}});
        let path = path(WORKFLOW);
        let start = |key| server.post_with_key("acme", "builder", &path, &body, key);
        server.set_plan_limits(json!({"unfinishedRuns": 2})).await;
        assert_eq!(start("first").await.status, 202, "report-1 is the only unfinished run");
        let refused = start("second").await;
        assert_eq!((refused.status, refused.body["code"].as_str()), (409, Some("plan_limit_reached")));
        let detail = refused.body["detail"].as_str().unwrap();
        assert!(detail.contains("has 2 unfinished") && detail.contains("unfinishedRuns"), "{detail}");
        sqlx::query("delete from idempotency_keys").execute(&pool).await.unwrap();
        assert_eq!(start("first").await.status, 202, "the run exists");
        assert_eq!(server.kubernetes.count_of_workflow("invoice"), 3);
    }

    /// A run whose input does not fit beside those of the other unfinished runs is refused before it is created.
    #[sqlx::test(migrator = "crate::db::MIGRATOR")]
    async fn an_input_beyond_the_limit_of_stored_inputs_is_refused(pool: PgPool) {
        let server = Server::start(&pool).await;
        server.set_plan_limits(json!({"storedInputBytes": "50"})).await;
        let body = json!({"input": {"url": "https://acme.example"}});
        assert_eq!(server.post("acme", "builder", &path(WORKFLOW), &body).await.status, 202);
        let refused = server.post("acme", "builder", &path(WORKFLOW), &body).await;
        assert_eq!((refused.status, refused.body["code"].as_str()), (409, Some("plan_limit_reached")));
        let detail = refused.body["detail"].as_str().unwrap();
        assert!(detail.contains("storedInputBytes") && detail.contains("60 bytes"), "{detail}");
    }

    /// An input of many small values is refused before it is created, with what to change.
    #[sqlx::test(migrator = "crate::db::MIGRATOR")]
    async fn an_input_of_too_many_values_is_refused(pool: PgPool) {
        let server = Server::start(&pool).await;
        let body = json!({"input": {"url": "https://acme.example", "zeros": vec![0; 20_000]}});
        let refused = server.post("acme", "builder", &path(WORKFLOW), &body).await;
        assert_eq!((refused.status, refused.body["code"].as_str()), (413, Some("too_large")));
        let detail = refused.body["detail"].as_str().unwrap();
        assert!(detail.contains("20003 values") && detail.contains("at most 20000"), "{detail}");
        assert_eq!(server.kubernetes.count_of_workflow("invoice"), 2);
    }

    /// Each kind of malformed body is refused with its own code.
    #[sqlx::test(migrator = "crate::db::MIGRATOR")]
    async fn malformed_bodies_are_refused_with_their_own_codes(pool: PgPool) {
        let server = Server::start(&pool).await;
        let token = server.issuer.token("acme", "builder");
        for (media, body, status, code) in [
            ("application/json", "{", 400, "malformed"),
            ("application/json", r#"{"inputs": {}}"#, 422, "invalid"),
            ("text/plain", "{}", 415, "unsupported_media_type"),
            ("application/json", &format!("\"{}\"", "x".repeat(1_100_000)), 413, "too_large"),
        ] {
            let answer = server.post_raw(&token, &path(WORKFLOW), media, body).await;
            assert_eq!((answer.status, answer.body["code"].as_str()), (status, Some(code)));
        }
        let large = json!({"input": {"url": "x".repeat(300_000)}});
        let answer = server.post("acme", "builder", &path(WORKFLOW), &large).await;
        assert_eq!((answer.status, answer.body["code"].as_str()), (413, Some("too_large")));
    }

    /// A request that reaches two replicas at the same time starts one run.
    #[sqlx::test(migrator = "crate::db::MIGRATOR")]
    async fn one_key_starts_one_run_on_two_replicas(pool: PgPool) {
        let first = Server::start(&pool).await;
        let second = first.replica(&pool).await;
        let (path, body) = (path(WORKFLOW), json!({"input": {"url": "https://acme.example"}}));
        let (path, body) = (path.as_str(), &body);
        let start = async |server: &Server| {
            // While the other request is in progress, the client has to retry.
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

    /// A retry finds its run even if the stored key was lost, since the name of the run derives from the key.
    #[sqlx::test(migrator = "crate::db::MIGRATOR")]
    async fn a_retry_finds_its_run_even_if_the_key_was_lost(pool: PgPool) {
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

    /// While validations of one tenant take all of its share, its further requests are told to come back, and requests of
    /// everybody else, which need validation or not, are answered.
    #[sqlx::test(migrator = "crate::db::MIGRATOR")]
    async fn expensive_validations_of_one_tenant_do_not_delay_another(pool: PgPool) {
        let server = Server::start(&pool).await;
        let release = server.occupy_compute(ACME).await;
        let (path, body) = (path(WORKFLOW), json!({"input": {"url": "https://acme.example"}}));
        let post = || server.post("acme", "builder", &path, &body);
        let mut posts: FuturesUnordered<_> = (0..3).map(|_| post()).collect();
        // One computation runs, and that of one request waits for it. The other requests are refused at once.
        for _ in 0..2 {
            let answer = posts.next().await.unwrap();
            assert_eq!((answer.status, answer.body["code"].as_str()), (429, Some("busy")));
            assert_eq!(answer.headers["retry-after"], "1");
        }
        assert_eq!(server.get("globex", "viewer", "/v1/me").await.status, 200);
        assert_eq!(server.compute().run("globex", || 1).await.unwrap(), 1);
        drop(release);
        assert_eq!(posts.next().await.unwrap().status, 202);
    }

    /// While the Kubernetes API is unavailable, the response has `Retry-After`.
    #[sqlx::test(migrator = "crate::db::MIGRATOR")]
    async fn without_kubernetes_the_client_has_to_retry(pool: PgPool) {
        let server = Server::start(&pool).await;
        server.kubernetes.go_down();
        let body = json!({"input": {"url": "https://acme.example"}});
        let answer = server.post("acme", "builder", &path(WORKFLOW), &body).await;
        assert_eq!((answer.status, answer.body["code"].as_str()), (503, Some("unavailable")));
        assert!(answer.headers.contains_key("retry-after"));
    }
}
