//! `GET /v1/workflow-runs/{id}/steps`

use axum::{Json, extract::State};
use serde::Serialize;
use utoipa::ToSchema;

use super::resource::Failure;
use crate::{
    app::{self, case::upper_snake, runs},
    http::{
        authorize::Member,
        extract::Id,
        problem::Problem,
        v1::{json::AnyJson, time::Time},
    },
    state::AppState,
};

/// The steps of a run: at most 80, so they come on one page.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct Steps {
    /// The steps, in the order of the workflow.
    data: Vec<Step>,
}

/// A step of a run.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::http) struct Step {
    /// Its name in the workflow.
    name: String,
    /// `PENDING`, `RUNNING`, `SUSPENDED`, `SUCCEEDED`, `FAILED`, `SKIPPED` or `CANCELLED`.
    #[schema(example = "SUCCEEDED")]
    status: String,
    /// The attempt that is under way, or was the last; the first is 1.
    attempt: Option<i32>,
    /// When its first attempt began.
    started_at: Option<Time>,
    /// When it ended.
    finished_at: Option<Time>,
    /// When its next attempt begins, while it waits for that.
    next_at: Option<Time>,
    /// What it returned; null until it has, and where that is kept elsewhere.
    #[schema(value_type = AnyJson)]
    output: Option<AnyJson>,
    /// Where what it returned is kept: `{uri, bytes, sha256, mediaType}`.
    #[schema(value_type = Option<Object>)]
    output_ref: Option<AnyJson>,
    /// How it failed, or how its last attempt did.
    error: Option<Failure>,
}

/// The steps of a run.
#[utoipa::path(
    get, path = "/v1/workflow-runs/{id}/steps", tag = "runs",
    params(("id" = Uuid, Path, description = "The run's id")),
    responses((status = OK, description = "The steps", body = Steps))
)]
pub(in crate::http) async fn list_steps(
    State(state): State<AppState>,
    Member { principal: _, tenant }: Member,
    Id(id): Id,
) -> Result<Json<Steps>, Problem> {
    let whole = app::runs::whole(&state, tenant.scope, id).await?;
    let steps = runs::parse_steps(&whole.content.steps);
    Ok(Json(Steps { data: steps.into_iter().map(Step::from).collect() }))
}

impl From<runs::Step> for Step {
    fn from(step: runs::Step) -> Self {
        let runs::Step { name, phase, attempt, started_at, finished_at, next_at, output, output_ref, error } =
            step;
        Self {
            name,
            status: upper_snake(phase.as_str()),
            attempt,
            started_at: started_at.map(Into::into),
            finished_at: finished_at.map(Into::into),
            next_at: next_at.map(Into::into),
            output: output.map(Into::into),
            output_ref: output_ref.map(Into::into),
            error: error.map(Into::into),
        }
    }
}

#[cfg(test)]
mod tests {
    use sqlx::PgPool;

    use crate::http::testing::{FAILED_RUN, Server};

    /// Nobody can tell which step failed, at which attempt, and why.
    #[sqlx::test(migrator = "crate::db::MIGRATOR")]
    async fn steps_show_attempts_times_and_errors(pool: PgPool) {
        let server = Server::start(&pool).await;
        let answer = server.get("acme", "viewer", &format!("/v1/workflow-runs/{FAILED_RUN}/steps")).await;
        insta::assert_json_snapshot!(answer.body);
    }
}
