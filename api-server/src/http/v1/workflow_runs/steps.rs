//! `GET /v1/workflow-runs/{id}/steps`

use axum::{Json, extract::State};
use serde::Serialize;
use utoipa::ToSchema;

use super::step::Step;
use crate::{
    app::{self, runs},
    http::{authorize::Member, extract::Id, problem::Problem},
    state::AppState,
};

/// The steps of a run: at most 80, so they come on one page.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct Steps {
    /// The steps, in the order of the workflow.
    data: Vec<Step>,
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
