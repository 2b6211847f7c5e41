//! `PUT` and `DELETE` of `/v1/tenants/{id}/suspension` and `/v1/tenants/{id}/archive`

use axum::{extract::State, http::HeaderMap, response::Response};
use uuid::Uuid;

use super::{platform, resource::Tenant};
use crate::{
    app::{self, App, tenants::StateChange},
    auth::Principal,
    http::extract::Id,
    problem::Problem,
};

/// Suspend a tenant
///
/// Suspends a tenant: it becomes read-only, and no run starts. The request is idempotent. Runs that have started end as
/// `spec.onSuspend` of the Tenant in Kubernetes says.
///
/// Requires the permission `platform.tenant.suspend`. Fails with 404 `not_found`, 409 `conflict` if the tenant is archived, or 409
/// `managed_by_gitops` if another tool manages the state of the tenant.
#[utoipa::path(
    put, path = "/v1/tenants/{id}/suspension", tag = "tenants",
    params(("id" = Uuid, Path, description = "ID of the tenant")),
    responses((status = OK, description = "Suspended tenant", body = Tenant))
)]
pub(in crate::http) async fn suspend_tenant(
    State(app): State<App>,
    principal: Principal,
    Id(id): Id,
) -> Result<Response, Problem> {
    change(&app, &principal, id, StateChange::Suspend).await
}

/// Resume a suspended tenant
///
/// Makes a suspended tenant active again. The request is idempotent.
///
/// Requires the permission `platform.tenant.suspend`. Fails with 404 `not_found`, 409 `conflict` if the tenant is archived, or 409
/// `managed_by_gitops` if another tool manages the state of the tenant.
#[utoipa::path(
    delete, path = "/v1/tenants/{id}/suspension", tag = "tenants",
    params(("id" = Uuid, Path, description = "ID of the tenant")),
    responses((status = OK, description = "Active tenant", body = Tenant))
)]
pub(in crate::http) async fn resume_tenant(
    State(app): State<App>,
    principal: Principal,
    Id(id): Id,
) -> Result<Response, Problem> {
    change(&app, &principal, id, StateChange::Resume).await
}

/// Archive a tenant
///
/// Archives a tenant: it becomes read-only, and its unfinished runs are cancelled. The request is idempotent. With
/// `spec.deletionPolicy: Delete` of the Tenant in Kubernetes, its data is deleted after the retention.
///
/// Requires the permission `platform.tenant.archive`. Fails with 404 `not_found`, or 409 `managed_by_gitops` if another tool
/// manages the state of the tenant.
#[utoipa::path(
    put, path = "/v1/tenants/{id}/archive", tag = "tenants",
    params(("id" = Uuid, Path, description = "ID of the tenant")),
    responses((status = OK, description = "Archived tenant", body = Tenant))
)]
pub(in crate::http) async fn archive_tenant(
    State(app): State<App>,
    principal: Principal,
    Id(id): Id,
) -> Result<Response, Problem> {
    change(&app, &principal, id, StateChange::Archive).await
}

/// Restore an archived tenant
///
/// Makes an archived tenant active again. The request is idempotent; a tenant that is not archived stays as it is.
///
/// Requires the permission `platform.tenant.archive`. Fails with 404 `not_found`, or 409 `managed_by_gitops` if another tool
/// manages the state of the tenant.
#[utoipa::path(
    delete, path = "/v1/tenants/{id}/archive", tag = "tenants",
    params(("id" = Uuid, Path, description = "ID of the tenant")),
    responses((status = OK, description = "Active tenant", body = Tenant))
)]
pub(in crate::http) async fn restore_tenant(
    State(app): State<App>,
    principal: Principal,
    Id(id): Id,
) -> Result<Response, Problem> {
    change(&app, &principal, id, StateChange::Restore).await
}

async fn change(
    app: &App,
    principal: &Principal,
    id: Uuid,
    change: StateChange,
) -> Result<Response, Problem> {
    let (tenant, _reservation) = app::tenants::change_state(app, platform(principal)?, id, change).await?;
    Ok(Tenant::response(tenant, &HeaderMap::new()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use sqlx::PgPool;

    use crate::http::testing::{ACME, Server};

    /// Suspending and archiving a tenant make it read-only at once, until it is active again.
    #[sqlx::test(migrator = "crate::db::MIGRATOR")]
    async fn a_tenant_is_suspended_archived_and_restored(pool: PgPool) {
        let server = Server::start(&pool).await;
        let path = |what: &str| format!("/v1/tenants/{ACME}/{what}");
        let change = async |method: &str, what: &str| {
            let answer = server.platform("platform-admin", method, &path(what), &[], "").await;
            let write = server.post("acme", "builder", "/v1/workflows", &json!({"name": "x"})).await;
            (answer.status, answer.body["status"].as_str().unwrap_or_default().to_owned(), write.status)
        };
        let answer = |status: &str, write| (200, status.to_owned(), write);
        assert_eq!(change("DELETE", "suspension").await, answer("ACTIVE", 422));
        assert_eq!(change("PUT", "suspension").await, answer("SUSPENDED", 423));
        assert_eq!(change("PUT", "suspension").await, answer("SUSPENDED", 423));
        assert_eq!(change("PUT", "archive").await, answer("ARCHIVED", 423));
        assert_eq!(change("DELETE", "suspension").await.0, 409);
        assert_eq!(change("DELETE", "archive").await, answer("ACTIVE", 422));
        let answer = server.platform("platform-operator", "PUT", &path("archive"), &[], "").await;
        assert_eq!(answer.status, 403);
        let answer = server.request("acme", "owner", "PUT", &path("suspension")).await;
        assert_eq!(answer.status, 403);
        let missing = "/v1/tenants/00000000-0000-4000-8000-00000000dead/suspension";
        assert_eq!(server.platform("platform-admin", "PUT", missing, &[], "").await.status, 404);
    }
}
