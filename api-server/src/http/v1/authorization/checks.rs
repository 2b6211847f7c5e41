//! `POST /v1/authorization/checks`

use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::resource::AuthorizationResource;
use crate::{
    app::{
        self, App,
        authorization::{Check, CheckedRight},
    },
    http::{authorize::Member, extract::Json},
    problem::Problem,
};

/// Questions about the rights of the caller.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct AuthorizationChecks {
    /// Questions; 1 to 100.
    checks: Vec<AuthorizationCheck>,
}

/// Question about a right of the caller.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct AuthorizationCheck {
    /// Permission: a leaf of the permission tree.
    #[schema(example = "workflow.run.create")]
    action: String,
    /// Resource. Default: the permission in general.
    resource: Option<AuthorizationResource>,
}

/// Answers to questions about the rights of the caller.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct AuthorizationAnswers {
    /// Answers, in the order of the questions.
    data: Vec<AuthorizationAnswer>,
}

/// Answer to a question about a right of the caller.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct AuthorizationAnswer {
    /// Permission of the question.
    action: String,
    /// Whether the caller has the permission: for the resource, or for all resources if the question names none. False for a resource that
    /// does not exist, or that the caller cannot read.
    allowed: bool,
    /// Whether the permission depends on the resource, which the question does not name.
    depends: bool,
}

/// Check the rights of the caller
///
/// Returns which of up to 100 permissions the caller has, in general or for a workflow, a run or a document. A user interface hides with it what
/// would be refused. Requires a valid token and no permission. Fails with 422 `invalid`.
#[utoipa::path(
    post, path = "/v1/authorization/checks", tag = "access", request_body = AuthorizationChecks,
    responses((status = OK, description = "Answers", body = AuthorizationAnswers))
)]
pub(in crate::http) async fn check_authorization(
    State(app): State<App>,
    Member { principal, tenant }: Member,
    Json(AuthorizationChecks { checks }): Json<AuthorizationChecks>,
) -> Result<axum::Json<AuthorizationAnswers>, Problem> {
    let checks: Vec<Check> = checks
        .into_iter()
        .map(|AuthorizationCheck { action, resource }| Check { action, resource: resource.map(Into::into) })
        .collect();
    let answers = app::authorization::check_all(&app, &tenant, principal.permissions, &checks).await?;
    let answer = |(check, answer): (Check, CheckedRight)| {
        let CheckedRight { allowed, depends } = answer;
        AuthorizationAnswer { action: check.action, allowed, depends }
    };
    Ok(axum::Json(AuthorizationAnswers { data: checks.into_iter().zip(answers).map(answer).collect() }))
}
