//! `GET /v1/workflow-runs/{id}/steps`

use axum::{Json, extract::State};
use serde::Serialize;
use utoipa::ToSchema;

use super::step::Step;
use crate::{
    app::{self, App, runs},
    http::{authorize::Member, extract::RunReference},
    problem::Problem,
};

/// Steps of a run: at most 80, all on one page.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct Steps {
    /// Steps in the order of the workflow.
    data: Vec<Step>,
}

/// List the steps of a run
///
/// Returns all steps in the order of the workflow. Requires the permission `workflow.run.read`. Fails with 404
/// `not_found` if the tenant has no such run.
#[utoipa::path(
    get, path = "/v1/workflow-runs/{id}/steps", tag = "runs",
    params(("id" = String, Path, description = "ID, UID or name of the run")),
    responses((status = OK, description = "Steps of the run", body = Steps))
)]
pub(in crate::http) async fn list_steps(
    State(app): State<App>,
    Member { principal: _, tenant }: Member,
    RunReference(reference): RunReference,
) -> Result<Json<Steps>, Problem> {
    let (details, _held) = app::runs::find_details(&app, tenant.scope, &reference).await?;
    let steps = runs::parse_steps(&details.content.steps);
    Ok(Json(Steps { data: steps.into_iter().map(Step::from).collect() }))
}

#[cfg(test)]
mod tests {
    use sqlx::PgPool;

    use crate::http::testing::{FAILED_RUN, Server};

    /// Clients see which step failed, at which attempt, and why.
    #[sqlx::test(migrator = "crate::db::MIGRATOR")]
    async fn steps_show_attempts_times_and_errors(pool: PgPool) {
        let server = Server::start(&pool).await;
        let answer = server.get("acme", "viewer", &format!("/v1/workflow-runs/{FAILED_RUN}/steps")).await;
        insta::assert_json_snapshot!(answer.body);
    }
}
