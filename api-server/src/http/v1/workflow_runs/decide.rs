//! `POST /v1/workflow-runs/{id}/decisions`

use axum::extract::State;
use serde::Deserialize;
use utoipa::ToSchema;

use super::resource::RunSummary;
use crate::{
    app::{self, runs::Decide},
    http::{
        authorize::Member,
        extract::{Id, Json},
        problem::Problem,
        v1::json::AnyJson,
    },
    state::AppState,
};

/// A decision on what a run asks.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(in crate::http) struct DecideRun {
    /// The step that asks, or `step/index` of a `forEach`.
    #[schema(example = "approve")]
    key: String,
    /// Whether it is approved.
    approved: bool,
    /// What is filled in, by the approval's schema; `{}` when absent.
    #[schema(value_type = Option<Object>)]
    #[serde(default)]
    input: Option<AnyJson>,
}

/// Decides on what a run asks. A decision comes once: a second one is 409.
#[utoipa::path(
    post, path = "/v1/workflow-runs/{id}/decisions", tag = "runs",
    params(("id" = Uuid, Path, description = "The run's id")),
    request_body = DecideRun,
    responses((status = OK, description = "The run, as it stands", body = RunSummary))
)]
pub(in crate::http) async fn decide_run(
    State(state): State<AppState>,
    Member { principal, tenant }: Member,
    Id(id): Id,
    Json(DecideRun { key, approved, input }): Json<DecideRun>,
) -> Result<axum::Json<RunSummary>, Problem> {
    let input = input.map(|AnyJson(input)| input);
    let decide = Decide { key, approved, input, by: principal.email, roles: principal.roles };
    let run = app::runs::decide(&state, tenant.scope, id, decide).await?;
    Ok(axum::Json(RunSummary::from(run)))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use sqlx::PgPool;

    use crate::http::testing::{Answer, QUEUED_RUN, RUN, Server};

    async fn decide(server: &Server, role: &str, run: &str, body: &Value) -> Answer {
        server.post("acme", role, &format!("/v1/workflow-runs/{run}/decisions"), body).await
    }

    fn code(answer: &Answer) -> (u16, &str) {
        (answer.status, answer.body["code"].as_str().unwrap_or_default())
    }

    /// An approval cannot be given, is given in another's name, or is given twice.
    #[sqlx::test(migrator = "crate::db::MIGRATOR")]
    async fn a_decision_is_taken_once_in_the_name_of_who_decides(pool: PgPool) {
        let server = Server::start(&pool).await;
        server.kubernetes.suspend(QUEUED_RUN, &json!({"for": "Approval", "roles": ["builder"]}));
        let body = json!({"key": "write", "approved": true, "input": {"amount": 7}});
        assert_eq!(code(&decide(&server, "member", QUEUED_RUN, &body).await), (403, "forbidden"));
        assert_eq!(decide(&server, "builder", QUEUED_RUN, &body).await.status, 200);
        let made = server.kubernetes.run(QUEUED_RUN)["spec"]["decisions"].clone();
        let expected =
            json!({"key": "write", "approved": true, "input": {"amount": 7}, "by": "anna@acme.example"});
        assert_eq!(made, json!([expected]));
        assert_eq!(code(&decide(&server, "builder", QUEUED_RUN, &body).await), (409, "already_decided"));
        let shown = server.get("acme", "viewer", &format!("/v1/workflow-runs/{QUEUED_RUN}")).await;
        assert_eq!(shown.body["decisions"], json!([expected]));
    }

    /// What was filled in breaks the approval's schema, and the run fails of it later.
    #[sqlx::test(migrator = "crate::db::MIGRATOR")]
    async fn an_input_that_breaks_the_schema_is_refused_with_pointers(pool: PgPool) {
        let server = Server::start(&pool).await;
        server.kubernetes.suspend(QUEUED_RUN, &json!({"for": "Approval"}));
        let body = json!({"key": "write", "approved": true, "input": {"amount": "seven"}});
        let answer = decide(&server, "member", QUEUED_RUN, &body).await;
        assert_eq!(code(&answer), (422, "invalid_input"));
        assert_eq!(answer.body["errors"][0]["pointer"], "/input/amount");
    }

    /// A viewer approves payments; or a run that has ended is decided on.
    #[sqlx::test(migrator = "crate::db::MIGRATOR")]
    async fn who_may_not_and_what_has_ended_is_refused(pool: PgPool) {
        let server = Server::start(&pool).await;
        let body = json!({"key": "write", "approved": true});
        assert_eq!(code(&decide(&server, "viewer", QUEUED_RUN, &body).await), (403, "forbidden"));
        assert_eq!(code(&decide(&server, "admin", RUN, &body).await), (409, "run_finished"));
        assert_eq!(code(&decide(&server, "admin", QUEUED_RUN, &body).await), (404, "not_found"));
    }
}
