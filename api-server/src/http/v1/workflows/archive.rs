//! `PUT /v1/workflows/{id}/archive` and `DELETE /v1/workflows/{id}/archive`

use axum::{extract::State, http::HeaderMap, response::Response};

use super::resource::Workflow;
use crate::{
    app::{self, App},
    http::{authorize::Member, extract::Id},
    problem::Problem,
};

/// Archive a workflow
///
/// Archives a workflow: no further run of it starts, and its runs remain. The request is idempotent.
///
/// Requires the permission `workflow.archive`. Fails with 404 `not_found`, 409 `managed_by_gitops` if another tool manages the
/// state of the workflow, or 423 `tenant_suspended`.
#[utoipa::path(
    put, path = "/v1/workflows/{id}/archive", tag = "workflows",
    params(("id" = Uuid, Path, description = "ID of the workflow")),
    responses((status = OK, description = "Archived workflow", body = Workflow))
)]
pub(in crate::http) async fn archive_workflow(
    State(app): State<App>,
    Member { principal: _, tenant }: Member,
    Id(id): Id,
) -> Result<Response, Problem> {
    let (details, _reservation) = app::workflows::archive(&app, tenant.scope, id).await?;
    Ok(Workflow::from(details).response(&HeaderMap::new()))
}

/// Restore an archived workflow
///
/// Makes an archived workflow active again. The request is idempotent.
///
/// Requires the permission `workflow.archive`. Fails with 404 `not_found`, 409 `managed_by_gitops` if another tool manages the
/// state of the workflow, or 423 `tenant_suspended`.
#[utoipa::path(
    delete, path = "/v1/workflows/{id}/archive", tag = "workflows",
    params(("id" = Uuid, Path, description = "ID of the workflow")),
    responses((status = OK, description = "Active workflow", body = Workflow))
)]
pub(in crate::http) async fn unarchive_workflow(
    State(app): State<App>,
    Member { principal: _, tenant }: Member,
    Id(id): Id,
) -> Result<Response, Problem> {
    let (details, _reservation) = app::workflows::unarchive(&app, tenant.scope, id).await?;
    Ok(Workflow::from(details).response(&HeaderMap::new()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use sqlx::PgPool;

    use crate::http::testing::{ARCHIVED_WORKFLOW, Server, WORKFLOW};

    fn path(workflow: &str) -> String {
        format!("/v1/workflows/{workflow}/archive")
    }

    /// An archived workflow starts no run until it is restored; both requests may be repeated.
    #[sqlx::test(migrator = "crate::db::MIGRATOR")]
    async fn an_archived_workflow_starts_no_run_until_it_is_restored(pool: PgPool) {
        let server = Server::start(&pool).await;
        let runs = format!("/v1/workflows/{WORKFLOW}/runs");
        let body = json!({"input": {"url": "https://acme.example"}});
        for (method, status, runs_status) in [("PUT", "ARCHIVED", 409), ("DELETE", "ACTIVE", 202)] {
            for _ in 0..2 {
                let answer = server.request("acme", "builder", method, &path(WORKFLOW)).await;
                assert_eq!(
                    (answer.status, answer.body["status"].as_str()),
                    (200, Some(status)),
                    "{}",
                    answer.body
                );
            }
            assert_eq!(server.post("acme", "builder", &runs, &body).await.status, runs_status);
        }
        // It was archived by others, and nobody is recorded as the manager of its state.
        let answer = server.request("acme", "builder", "DELETE", &path(ARCHIVED_WORKFLOW)).await;
        assert_eq!((answer.status, answer.body["code"].as_str()), (409, Some("managed_by_gitops")));
    }

    /// Other tenants' workflows are not found, operators may not archive, and a suspended tenant is read-only.
    #[sqlx::test(migrator = "crate::db::MIGRATOR")]
    async fn only_builders_of_the_tenant_archive_its_workflows(pool: PgPool) {
        let server = Server::start(&pool).await;
        for (tenant, role, status) in
            [("globex", "admin", 404), ("acme", "operator", 403), ("hooli", "admin", 423)]
        {
            for method in ["PUT", "DELETE"] {
                assert_eq!(
                    server.request(tenant, role, method, &path(WORKFLOW)).await.status,
                    status,
                    "{tenant}"
                );
            }
        }
    }
}
