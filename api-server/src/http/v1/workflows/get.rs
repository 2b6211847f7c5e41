//! `GET /v1/workflows/{id}`

use axum::{extract::State, http::HeaderMap, response::Response};

use super::resource::{Workflow, WorkflowField, WorkflowSummary};
use crate::{
    app::{self, App},
    http::{authorize::Member, extract::Id, fields::Fields},
    problem::Problem,
};

/// Get a workflow
///
/// Returns a workflow with its definition and its problems. Its `ETag` is required to change it. Requires the permission `workflow.read`. Fails with 404 `not_found` if the tenant has no such workflow.
#[utoipa::path(
    get, path = "/v1/workflows/{id}", tag = "workflows",
    params(
        ("id" = Uuid, Path, description = "ID of the workflow"),
        ("If-None-Match" = Option<String>, Header, description = "`ETag` of an earlier response"),
        Fields<WorkflowField>,
    ),
    responses(
        (status = OK, description = "Workflow", body = Workflow),
        (status = NOT_MODIFIED, description = "The workflow has not changed"),
    )
)]
pub(in crate::http) async fn get_workflow(
    State(app): State<App>,
    Member { principal: _, tenant }: Member,
    Id(id): Id,
    fields: Fields<WorkflowField>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    if !fields.has_any(&WorkflowField::CONTENT) {
        let workflow = app::workflows::get(&app, tenant.scope, id).await?;
        return Ok(WorkflowSummary::from(workflow).selected(&headers, &fields));
    }
    let (details, _reservation) = app::workflows::details(&app, tenant.scope, id).await?;
    Ok(Workflow::from(details).selected(&headers, &fields))
}

#[cfg(test)]
mod tests {
    use sqlx::PgPool;

    use crate::http::testing::{Server, WORKFLOW};

    /// Clients see the steps, the input schema and the validation errors of a workflow.
    #[sqlx::test(migrator = "crate::db::MIGRATOR")]
    async fn a_workflow_is_returned_with_its_details(pool: PgPool) {
        let server = Server::start(&pool).await;
        let answer = server.get("acme", "viewer", &format!("/v1/workflows/{WORKFLOW}")).await;
        insta::assert_json_snapshot!(answer.body);
    }

    /// IDs of other tenants' workflows cannot be distinguished from IDs that do not exist.
    #[sqlx::test(migrator = "crate::db::MIGRATOR")]
    async fn a_workflow_of_another_tenant_is_not_found(pool: PgPool) {
        let server = Server::start(&pool).await;
        let mut bodies = Vec::new();
        for id in [WORKFLOW, "00000000-0000-4000-8000-00000000dead", "nonsense"] {
            let answer = server.get("globex", "viewer", &format!("/v1/workflows/{id}")).await;
            assert_eq!(answer.status, 404);
            bodies.push(answer.without_request());
        }
        assert!(bodies.iter().all(|body| *body == bodies[0]), "{bodies:?}");
    }
}
