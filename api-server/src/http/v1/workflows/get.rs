//! `GET /v1/workflows/{id}`

use axum::{extract::State, http::HeaderMap, response::Response};

use super::resource::Workflow;
use crate::{
    app::{self, App},
    http::{authorize::Member, etag, extract::Id},
    problem::Problem,
};

/// Get a workflow
///
/// Returns a workflow with its steps, schemas and problems. Requires the permission `workflow.read`. Fails with 404 `not_found` if the tenant has no such workflow.
#[utoipa::path(
    get, path = "/v1/workflows/{id}", tag = "workflows",
    params(("id" = Uuid, Path, description = "ID of the workflow")),
    responses((status = OK, description = "Workflow", body = Workflow))
)]
pub(in crate::http) async fn get_workflow(
    State(app): State<App>,
    Member { principal: _, tenant }: Member,
    Id(id): Id,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let (details, _reservation) = app::workflows::details(&app, tenant.scope, id).await?;
    Ok(etag::with_etag(&headers, &Workflow::from(details)))
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
