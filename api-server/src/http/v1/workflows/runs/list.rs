//! `GET /v1/workflows/{id}/runs`

use axum::{extract::State, response::Response};

use crate::{
    app::{self, runs::Filter},
    http::{
        authorize::Member,
        extract::Id,
        list::{List, ListRequest, PageParameters},
        problem::Problem,
        v1::workflow_runs::{list::Parameters, resource::RunSummary},
    },
    state::AppState,
};

/// The runs of one workflow.
#[utoipa::path(
    get, path = "/v1/workflows/{id}/runs", tag = "runs",
    params(("id" = Uuid, Path, description = "The workflow's id"), PageParameters, Parameters),
    responses((status = OK, description = "A page of runs", body = List<RunSummary>))
)]
pub(in crate::http) async fn list_runs_of_workflow(
    State(state): State<AppState>,
    Member { principal: _, tenant }: Member,
    Id(id): Id,
    request: ListRequest<Parameters>,
) -> Result<Response, Problem> {
    let Parameters { status, created_after } = request.filter;
    app::workflows::get(&state, tenant.scope, id).await?;
    let filter = Filter { workflow: Some(id), status, created_after };
    let page = app::runs::list(&state, tenant.scope, filter, &request.paging).await?;
    Ok(request.answer(page, RunSummary::from))
}

#[cfg(test)]
mod tests {
    use sqlx::PgPool;

    use crate::http::testing::{Server, WORKFLOW};

    /// A list of a workflow's runs has those of others.
    #[sqlx::test(migrator = "crate::db::MIGRATOR")]
    async fn only_the_runs_of_the_workflow_are_listed(pool: PgPool) {
        let server = Server::start(&pool).await;
        let path = format!("/v1/workflows/{WORKFLOW}/runs?sort=createdAt");
        let answer = server.get("acme", "viewer", &path).await;
        let names = answer.body["data"].as_array().unwrap().iter().map(|run| run["name"].clone());
        assert_eq!(names.collect::<Vec<_>>(), ["invoice-1", "invoice-2"]);
    }

    /// A client takes another's workflow for one without runs.
    #[sqlx::test(migrator = "crate::db::MIGRATOR")]
    async fn the_runs_of_a_workflow_that_is_not_there_are_not_an_empty_list(pool: PgPool) {
        let server = Server::start(&pool).await;
        let answer = server.get("globex", "viewer", &format!("/v1/workflows/{WORKFLOW}/runs")).await;
        assert_eq!(answer.status, 404);
    }
}
