//! `POST /v1/workflow-runs/{id}/reruns`

use axum::{extract::State, response::Response};
use crds::run::ReuseFrom;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{resource::Run, submission::Submission};
use crate::{
    app::{self, runs::Rerun},
    http::{
        authorize::Member,
        extract::{Id, Json},
        problem::{Code, FieldError, Problem},
    },
    state::AppState,
};

/// A run to run again.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(in crate::http) struct RerunRun {
    /// `"FAILED"`: what did not succeed runs again; or a list of the steps that do, with all that depend on them. The
    /// outputs of the others are taken over. Absent: everything runs again.
    #[schema(value_type = Option<Object>, example = json!("FAILED"))]
    #[serde(default)]
    from: Option<From>,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(untagged)]
enum From {
    Word(String),
    Steps(Vec<String>),
}

/// Runs a run again, with the same input: wholly, or from the middle.
#[utoipa::path(
    post, path = "/v1/workflow-runs/{id}/reruns", tag = "runs",
    params(
        ("id" = Uuid, Path, description = "The id of the earlier run"),
        ("Prefer" = Option<String>, Header, description = "`wait=30`: seconds to wait for the run's end, up to 55"),
        ("Idempotency-Key" = Option<String>, Header, description = "1 to 255 characters; kept for 24 h"),
    ),
    request_body = RerunRun,
    responses(
        (status = ACCEPTED, description = "The new run, as it stands", body = Run,
         headers(("Location" = String, description = "The path of the new run"))),
        (status = OK, description = "The new run, which has ended", body = Run,
         headers(("Location" = String, description = "The path of the new run"))),
    )
)]
pub(in crate::http) async fn rerun_run(
    State(state): State<AppState>,
    member: Member,
    Id(run): Id,
    submission: Submission,
    Json(body): Json<RerunRun>,
) -> Result<Response, Problem> {
    let scope = member.tenant.scope;
    let submitted = submission.of(member, &("rerun_run", run, &body));
    let rerun = Rerun {
        run,
        from: body.from.map(reuse_from).transpose()?,
        name: submitted.name.clone(),
        requested_by: submitted.requested_by.clone(),
    };
    submitted.answer(&state, app::runs::rerun(&state, scope, rerun)).await
}

fn reuse_from(from: From) -> Result<ReuseFrom, Problem> {
    let message = match from {
        From::Word(word) if word == "FAILED" => return Ok(ReuseFrom::Keyword("Failed".to_owned())),
        From::Steps(steps) if !steps.is_empty() => return Ok(ReuseFrom::Steps(steps)),
        From::Word(word) => format!("{word} is not known: write FAILED, or a list of steps"),
        From::Steps(_) => "the list names no step".to_owned(),
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

    /// A repeated run has another input, does not know where to begin, or nobody can tell who wanted it.
    #[sqlx::test(migrator = "crate::db::MIGRATOR")]
    async fn a_run_is_repeated_from_where_it_failed(pool: PgPool) {
        let server = Server::start(&pool).await;
        let answer = rerun(&server, "operator", FAILED_RUN, &json!({"from": "FAILED"})).await;
        assert_eq!(answer.status, 202, "{}", answer.body);
        assert_eq!(answer.body["trigger"]["kind"], "RERUN");
        assert_eq!(answer.body["requestedBy"], "anna@acme.example");
        assert_eq!(answer.body["input"], json!({"url": "https://acme.example/2"}));
        assert_eq!(answer.body["reuse"], json!({"run": "invoice-2", "from": "Failed", "steps": null}));
        let whole = rerun(&server, "operator", RUN, &json!({})).await;
        assert_eq!((whole.status, &whole.body["reuse"]), (202, &Value::Null));
    }

    /// A rerun is accepted that can only fail.
    #[sqlx::test(migrator = "crate::db::MIGRATOR")]
    async fn what_cannot_be_repeated_is_refused(pool: PgPool) {
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

    /// A retried request repeats the run twice, or a retry of another one gets this run.
    #[sqlx::test(migrator = "crate::db::MIGRATOR")]
    async fn a_key_makes_one_run(pool: PgPool) {
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
