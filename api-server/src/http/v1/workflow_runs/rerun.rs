//! `POST /v1/workflow-runs/{id}/reruns`

use axum::{extract::State, response::Response};
use crds::{constants::MAX_STEPS, run::ReuseFrom};
use serde::Deserialize;
use utoipa::{
    ToSchema,
    openapi::{
        RefOr, Schema,
        schema::{ArrayBuilder, ObjectBuilder, OneOfBuilder, Type},
    },
};

use super::{resource::Run, submission::SubmissionHeaders};
use crate::{
    app::{self, App, idempotency::KeyedAction, runs::Rerun},
    http::{
        authorize::Member,
        extract::{Json, RunId, canonical},
    },
    problem::{Code, FieldError, Problem},
};

/// Parameters of a rerun.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(in crate::http) struct RerunRun {
    #[schema(schema_with = from_schema)]
    #[serde(default)]
    from: Option<From>,
}

/// Steps to execute again, as a client names them.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(in crate::http) enum From {
    Word(String),
    Steps(Vec<String>),
}

/// Returns the schema of [`From`], whose word has one value.
pub(super) fn from_schema() -> RefOr<Schema> {
    let text = || ObjectBuilder::new().schema_type(Type::String);
    OneOfBuilder::new()
        .item(text().enum_values(Some(["FAILED"])))
        .item(ArrayBuilder::new().items(text()).min_items(Some(1)))
        .item(ObjectBuilder::new().schema_type(Type::Null))
        .description(Some(
            "Steps to execute again: `\"FAILED\"` for all steps that did not succeed, or a list of step names, which \
             also selects all steps that depend on them. The outputs of all other steps are reused. Default: all steps.",
        ))
        .examples(["FAILED"])
        .into()
}

/// Run again
///
/// Starts a new run with the workflow and the input of an earlier run. `Prefer` and `Idempotency-Key` work as when
/// starting a run.
///
/// Requires the permission `workflow.run.rerun`. Fails with 404 `not_found` if the tenant has no such run, 409
/// `run_unfinished` if `from` is given and the earlier run has not finished, 409 `workflow_gone`, 409
/// `workflow_archived`, 422 `workflow_invalid`, 409 `plan_limit_reached`, 409 `idempotency_in_flight`, 422 `invalid`, 422 `invalid_input`, 422 `input_too_costly`,
/// 422 `idempotency_key_reused`, 423 `tenant_suspended`, or 429 `busy`.
#[utoipa::path(
    post, path = "/v1/workflow-runs/{id}/reruns", tag = "runs",
    params(
        ("id" = String, Path, description = "ID, UID or name of the earlier run"),
        ("Prefer" = Option<String>, Header, description = "`wait=<seconds>`: time to wait for the end of the run, at most 55 seconds. Default: 0."),
        ("Idempotency-Key" = Option<String>, Header, description = "Idempotency key, 1 to 255 printable ASCII characters, valid for 24 hours"),
    ),
    request_body = RerunRun,
    responses(
        (status = ACCEPTED, description = "New run that has not finished", body = Run,
         headers(("Location" = String, description = "Path of the new run"))),
        (status = OK, description = "New run that has finished", body = Run,
         headers(("Location" = String, description = "Path of the new run"))),
    )
)]
pub(in crate::http) async fn rerun_run(
    State(app): State<App>,
    member: Member,
    RunId(run): RunId,
    headers: SubmissionHeaders,
    Json(body): Json<RerunRun>,
) -> Result<Response, Problem> {
    let scope = member.tenant.scope;
    let from = body.from.map(reuse_from).transpose()?;
    let submission = headers.submission(member, &KeyedAction::RerunRun { run, from: from.as_ref() });
    let rerun =
        Rerun { run, from, name: submission.name.clone(), requested_by: submission.requested_by.clone() };
    submission.submit(&app, app::runs::rerun(&app, scope, rerun)).await
}

/// Returns the selection of steps that a client names.
///
/// # Errors
/// Returns an error if it is neither `FAILED` nor a list of 1 to 64 names.
pub(super) fn reuse_from(from: From) -> Result<ReuseFrom, Problem> {
    let message = match from {
        From::Word(word) if canonical(&word) == "FAILED" => {
            return Ok(ReuseFrom::Keyword("Failed".to_owned()));
        }
        From::Steps(steps) if steps.len() > MAX_STEPS => format!("a workflow has at most {MAX_STEPS} steps"),
        From::Steps(steps) if !steps.is_empty() => return Ok(ReuseFrom::Steps(steps)),
        From::Word(word) => format!("unknown value {word}: use FAILED or a list of step names"),
        From::Steps(_) => "the list of step names is empty".to_owned(),
    };
    let error = FieldError { pointer: "/from".to_owned(), code: "invalid".to_owned(), message };
    Err(Problem::new(Code::Invalid).errors(vec![error]))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use sqlx::PgPool;

    use crate::http::testing::{Answer, FAILED_RUN, QUEUED_RUN, RUN, Server};

    async fn rerun(server: &Server, role: &str, run: &str, body: &Value) -> Answer {
        server.post("acme", role, &format!("/v1/workflow-runs/{run}/reruns"), body).await
    }

    fn code(answer: &Answer) -> (u16, &str) {
        (answer.status, answer.body["code"].as_str().unwrap_or_default())
    }

    /// A rerun has the input of the earlier run, reuses its outputs, and records who requested it.
    #[sqlx::test(migrator = "crate::db::MIGRATOR")]
    async fn a_rerun_reuses_the_earlier_run(pool: PgPool) {
        let server = Server::start(&pool).await;
        let answer = rerun(&server, "operator", FAILED_RUN, &json!({"from": "FAILED"})).await;
        assert_eq!(answer.status, 202, "{}", answer.body);
        assert_eq!(answer.body["trigger"]["kind"], "RERUN");
        assert_eq!(answer.body["requestedBy"], "anna@acme.example");
        assert_eq!(answer.body["input"], json!({"url": "https://acme.example/2"}));
        assert_eq!(answer.body["reuse"], json!({"run": "invoice-2", "from": "Failed", "steps": null}));
        let complete = rerun(&server, "operator", RUN, &json!({})).await;
        assert_eq!((complete.status, &complete.body["reuse"]), (202, &Value::Null));
    }

    /// Reruns that could only fail are refused.
    #[sqlx::test(migrator = "crate::db::MIGRATOR")]
    async fn impossible_reruns_are_refused(pool: PgPool) {
        let server = Server::start(&pool).await;
        let unknown = rerun(&server, "operator", RUN, &json!({"from": ["total", "totl"]})).await;
        assert_eq!(
            (code(&unknown), &unknown.body["errors"][0]["pointer"]),
            ((422, "invalid"), &json!("/from/1"))
        );
        for (role, run, body, expected) in [
            ("operator", RUN, json!({"from": "SOMEWHERE"}), (422, "invalid")),
            ("operator", RUN, json!({"from": []}), (422, "invalid")),
            ("operator", QUEUED_RUN, json!({"from": "FAILED"}), (409, "run_unfinished")),
            ("member", RUN, json!({}), (403, "forbidden")),
        ] {
            assert_eq!(code(&rerun(&server, role, run, &body).await), expected, "{body}");
        }
    }

    /// A retried request starts one run, and a key cannot be used for another rerun.
    #[sqlx::test(migrator = "crate::db::MIGRATOR")]
    async fn one_key_starts_one_rerun(pool: PgPool) {
        let server = Server::start(&pool).await;
        let path = format!("/v1/workflow-runs/{RUN}/reruns");
        let first = server.post_with_key("acme", "operator", &path, &json!({}), "again-1").await;
        let again = server.post_with_key("acme", "operator", &path, &json!({}), "again-1").await;
        assert_eq!((first.status, again.status), (202, 202), "{}", first.body);
        assert_eq!(first.body["id"], again.body["id"]);
        let other =
            server.post_with_key("acme", "operator", &path, &json!({"from": ["total"]}), "again-1").await;
        assert_eq!(code(&other), (422, "idempotency_key_reused"));
    }
}
