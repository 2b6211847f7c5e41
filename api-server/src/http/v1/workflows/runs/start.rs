//! `POST /v1/workflows/{id}/runs`

use axum::{
    extract::State,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    app::{
        self,
        runs::{RunName, Start},
    },
    http::{
        authorize::Member,
        extract::{Id, Json, Wait},
        idempotency::{Claim, IdempotencyKey, Outcome},
        problem::Problem,
        v1::{json::AnyJson, workflow_runs::resource::Run},
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
    Member { principal, tenant }: Member,
    Id(workflow): Id,
    wait: Wait,
    key: Option<IdempotencyKey>,
    Json(body): Json<StartRun>,
) -> Result<Response, Problem> {
    let name = match &key {
        Some(key) => RunName::of_key(tenant.scope.tenant_id(), &principal.email, key.as_str()),
        None => RunName::of_request(telemetry::ids::uuid_v7()),
    };
    let claim = Claim::new(tenant.scope, &principal.email, key, &("start_run", workflow, &body));
    let start = Start {
        workflow,
        input: body.input.map_or_else(|| serde_json::json!({}), |AnyJson(input)| input),
        priority: body.priority,
        name,
        requested_by: principal.email.clone(),
    };
    let started = async { Ok(app::runs::start(&state, tenant.scope, start).await?.id) };
    let (id, outcome) = claim.run(&state, started).await?;
    answer(&state, &tenant, id, wait, outcome).await
}

async fn answer(
    state: &AppState,
    tenant: &crate::auth::Membership,
    id: Uuid,
    wait: Wait,
    outcome: Outcome,
) -> Result<Response, Problem> {
    let Wait(at_most) = wait;
    let run = app::runs::wait(state, tenant.scope, id, at_most).await?;
    let status = if run.status.is_final() { StatusCode::OK } else { StatusCode::ACCEPTED };
    let whole = app::runs::whole(state, tenant.scope, id).await?;
    let mut response = (status, axum::Json(Run::from(whole))).into_response();
    if let Ok(location) = HeaderValue::from_str(&format!("/v1/workflow-runs/{id}")) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    response.headers_mut().extend(wait.applied());
    response.headers_mut().extend(outcome.header());
    Ok(response)
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

    /// While Kubernetes is down, a client takes the failure for its own, or for a started run.
    #[sqlx::test(migrator = "crate::db::MIGRATOR")]
    async fn without_kubernetes_the_client_may_come_again(pool: PgPool) {
        let server = Server::start(&pool).await;
        let body = json!({"input": {"url": "https://acme.example"}});
        let answer = server.post("acme", "builder", &path(WORKFLOW), &body).await;
        assert_eq!((answer.status, answer.body["code"].as_str()), (503, Some("unavailable")));
        assert!(answer.headers.contains_key("retry-after"));
    }
}
