//! `GET /v1/workflows/{id}/runs`

use axum::{extract::State, response::Response};

use crate::{
    app::{self, App, runs::Filter},
    http::{
        authorize::Member,
        extract::Id,
        fields::Fields,
        list::{List, ListRequest, PageParameters, created},
        v1::workflow_runs::{
            list::{Parameters, columns},
            resource::{RunSummary, RunSummaryField},
        },
    },
    problem::Problem,
};

/// List the runs of a workflow
///
/// Returns a page of runs, newest first by default. Requires the permission `workflow.run.read`. Fails with 404
/// `not_found` if the tenant has no such workflow.
#[utoipa::path(
    get, path = "/v1/workflows/{id}/runs", tag = "runs",
    params(("id" = Uuid, Path, description = "ID of the workflow"), PageParameters, Parameters, Fields<RunSummaryField>),
    responses((status = OK, description = "Page of runs", body = List<RunSummary>))
)]
pub(in crate::http) async fn list_runs_of_workflow(
    State(app): State<App>,
    Member { principal: _, tenant }: Member,
    Id(id): Id,
    request: ListRequest<Parameters, RunSummaryField>,
) -> Result<Response, Problem> {
    let Parameters { status, created_after, created_before } = request.filter;
    let filter = Filter { workflow: Some(id), status, created: created(created_after, created_before) };
    let columns = columns(&request.fields);
    let page = app::runs::list_of_workflow(&app, tenant.scope, id, filter, &request.paging, columns).await?;
    let total = request.total_count(app::runs::count(&app, tenant.scope, filter)).await?;
    Ok(request.response(page, total, RunSummary::from))
}

#[cfg(test)]
mod tests {
    use sqlx::PgPool;

    use crate::http::testing::{Server, WORKFLOW};

    /// The list contains the runs of the workflow and no others.
    #[sqlx::test(migrator = "crate::db::MIGRATOR")]
    async fn only_the_runs_of_the_workflow_are_listed(pool: PgPool) {
        let server = Server::start(&pool).await;
        let path = format!("/v1/workflows/{WORKFLOW}/runs?sort=createdAt");
        let answer = server.get("acme", "viewer", &path).await;
        let names = answer.body["data"].as_array().unwrap().iter().map(|run| run["name"].clone());
        assert_eq!(names.collect::<Vec<_>>(), ["invoice-1", "invoice-2"]);
    }

    /// An unknown workflow is an error, not a workflow without runs.
    #[sqlx::test(migrator = "crate::db::MIGRATOR")]
    async fn the_runs_of_an_unknown_workflow_are_not_found(pool: PgPool) {
        let server = Server::start(&pool).await;
        let answer = server.get("globex", "viewer", &format!("/v1/workflows/{WORKFLOW}/runs")).await;
        assert_eq!(answer.status, 404);
    }
}
