//! `GET /v1/roles`

use axum::{extract::State, response::Response};

use super::resource::{Role, RoleField};
use crate::{
    app::{self, App},
    http::{
        authorize::Member,
        fields::Fields,
        list::{List, ListRequest, NoFilter, PageParameters},
    },
    problem::Problem,
};

/// List roles
///
/// Returns a page of the built-in roles and those of the tenant, newest first by default. The built-in roles are older than all
/// others. Requires the permission `role.read`.
#[utoipa::path(
    get, path = "/v1/roles", tag = "access", params(PageParameters, Fields<RoleField>),
    responses((status = OK, description = "Page of roles", body = List<Role>))
)]
pub(in crate::http) async fn list_roles(
    State(app): State<App>,
    Member { principal: _, tenant }: Member,
    request: ListRequest<NoFilter, RoleField>,
) -> Result<Response, Problem> {
    let page = app::roles::list(&app, tenant.scope, &request.paging).await?;
    let total = request.total_count(app::roles::count(&app, tenant.scope)).await?;
    Ok(request.response(page, total, |role| Role::new(tenant.scope, role)))
}
