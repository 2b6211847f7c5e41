//! `POST /v1/workflow-runs/{id}/decisions`

use axum::extract::State;
use serde::Deserialize;
use utoipa::ToSchema;

use super::resource::RunSummary;
use crate::{
    app::{self, App, runs::Decide},
    http::{
        authorize::Member,
        extract::{Json, RunId},
        v1::json::AnyJson,
    },
    problem::Problem,
};

/// Decision on an approval step.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(in crate::http) struct DecideRun {
    /// Name of the approval step, or `step/index` for an item of a `forEach` step; the index starts at 0.
    #[schema(example = "approve")]
    key: String,
    /// True to approve, false to reject.
    approved: bool,
    /// Input of the approver. It must match the schema of the approval if `approved` is true. Default: `{}`.
    #[schema(value_type = Option<Object>)]
    #[serde(default)]
    input: Option<AnyJson>,
}

/// Decide on an approval
///
/// Approves or rejects an approval step that the run waits for, in the name of the caller. A decision is final; one that is
/// refused has no effect.
///
/// Requires the permission `workflow.run.decide`, and a role that the approval step accepts (otherwise 403
/// `forbidden`). Fails with 404 `not_found` if there is no such run, 409 `not_waiting`, 409 `already_decided`, 409
/// `run_finished`, 422 `invalid` if the run has no such step or item, 422 `invalid_input`, 422 `input_too_costly`, 423
/// `tenant_suspended`, or 429 `busy`.
#[utoipa::path(
    post, path = "/v1/workflow-runs/{id}/decisions", tag = "runs",
    params(("id" = String, Path, description = "ID, UID or name of the run")),
    request_body = DecideRun,
    responses((status = OK, description = "Run in its current state", body = RunSummary))
)]
pub(in crate::http) async fn decide_run(
    State(app): State<App>,
    Member { principal, tenant }: Member,
    RunId(id): RunId,
    Json(DecideRun { key, approved, input }): Json<DecideRun>,
) -> Result<axum::Json<RunSummary>, Problem> {
    let input = input.map(|AnyJson(input)| input);
    let decide = Decide { key, approved, input, by: principal.email, roles: principal.roles };
    let run = app::runs::decide(&app, tenant.scope, id, decide).await?;
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

    /// A decision is recorded once, with the name of the user who made it.
    #[sqlx::test(migrator = "crate::db::MIGRATOR")]
    async fn a_decision_is_recorded_once_with_its_author(pool: PgPool) {
        let server = Server::start(&pool).await;
        server.kubernetes.suspend(QUEUED_RUN, &json!({"for": "Approval", "roles": ["builder"]}));
        let body = json!({"key": "write", "approved": true, "input": {"amount": 7}});
        assert_eq!(code(&decide(&server, "member", QUEUED_RUN, &body).await), (403, "forbidden"));
        assert_eq!(decide(&server, "builder", QUEUED_RUN, &body).await.status, 200);
        let decisions = server.kubernetes.run(QUEUED_RUN)["spec"]["decisions"].clone();
        let expected =
            json!({"key": "write", "approved": true, "input": {"amount": 7}, "by": "anna@acme.example"});
        assert_eq!(decisions, json!([expected]));
        assert_eq!(code(&decide(&server, "builder", QUEUED_RUN, &body).await), (409, "already_decided"));
        let shown = server.get("acme", "viewer", &format!("/v1/workflow-runs/{QUEUED_RUN}")).await;
        assert_eq!(shown.body["decisions"], json!([expected]));
    }

    /// An input that does not match the form of the run's own revision is refused with pointers, also if the workflow was
    /// changed since.
    #[sqlx::test(migrator = "crate::db::MIGRATOR")]
    async fn an_input_that_breaks_the_form_of_the_runs_revision_is_refused(pool: PgPool) {
        let server = Server::start(&pool).await;
        server.kubernetes.set_form(&json!({"properties": {"amount": {"type": "integer"}}}));
        server.kubernetes.suspend(QUEUED_RUN, &json!({"for": "Approval"}));
        let body = json!({"key": "write", "approved": true, "input": {"amount": "seven"}});
        let answer = decide(&server, "member", QUEUED_RUN, &body).await;
        assert_eq!(code(&answer), (422, "invalid_input"));
        assert_eq!(answer.body["errors"][0]["pointer"], "/input/amount");
        assert_eq!(server.kubernetes.run(QUEUED_RUN)["spec"]["decisions"], Value::Null, "nothing is used up");
    }

    /// The defaults of a form are applied before it is checked, as the run does.
    #[sqlx::test(migrator = "crate::db::MIGRATOR")]
    async fn defaults_of_the_form_are_applied(pool: PgPool) {
        let server = Server::start(&pool).await;
        server
            .kubernetes
            .set_form(&json!({"required": ["amount"], "properties": {"amount": {"default": 7}}}));
        server.kubernetes.suspend(QUEUED_RUN, &json!({"for": "Approval"}));
        let answer = decide(&server, "member", QUEUED_RUN, &json!({"key": "write", "approved": true})).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
    }

    /// Deciding requires the permission, an unfinished run and a step that waits.
    #[sqlx::test(migrator = "crate::db::MIGRATOR")]
    async fn decisions_without_permission_or_waiting_step_are_refused(pool: PgPool) {
        let server = Server::start(&pool).await;
        let body = json!({"key": "write", "approved": true});
        assert_eq!(code(&decide(&server, "viewer", QUEUED_RUN, &body).await), (403, "forbidden"));
        assert_eq!(code(&decide(&server, "admin", RUN, &body).await), (409, "run_finished"));
    }

    /// An unknown step or item is refused with the name of the field and the steps that wait, and uses up no decision.
    #[sqlx::test(migrator = "crate::db::MIGRATOR")]
    async fn an_unknown_step_is_refused_by_name(pool: PgPool) {
        let server = Server::start(&pool).await;
        server.kubernetes.suspend(QUEUED_RUN, &json!({"for": "Approval"}));
        for key in ["wrte", "write/0", "write/x", ""] {
            let answer = decide(&server, "admin", QUEUED_RUN, &json!({"key": key, "approved": true})).await;
            assert_eq!(code(&answer), (422, "invalid"), "{key}: {}", answer.body);
            let error = &answer.body["errors"][0];
            assert_eq!((&error["pointer"], &error["code"]), (&json!("/key"), &json!("unknown_step")));
            assert!(error["message"].as_str().unwrap().ends_with("wait for a decision: write"), "{error}");
        }
        assert_eq!(server.kubernetes.run(QUEUED_RUN)["spec"]["decisions"], Value::Null);
    }
}
