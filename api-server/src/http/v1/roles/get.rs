//! `GET /v1/roles/{id}`

use axum::{extract::State, http::HeaderMap, response::Response};

use super::resource::{Role, RoleId};
use crate::{
    app::{self, App},
    http::authorize::Member,
    problem::Problem,
};

/// Get a role
///
/// Returns a role. Its `ETag` is required to change it. Requires the permission `role.read`. Fails with 404 `not_found` if the tenant has
/// no such role.
#[utoipa::path(
    get, path = "/v1/roles/{id}", tag = "access",
    params(
        ("id" = String, Path, description = "Name of a built-in role, or ID of a role of the tenant"),
        ("If-None-Match" = Option<String>, Header, description = "`ETag` of an earlier response"),
    ),
    responses(
        (status = OK, description = "Role", body = Role),
        (status = NOT_MODIFIED, description = "The role has not changed"),
    )
)]
pub(in crate::http) async fn get_role(
    State(app): State<App>,
    Member { principal: _, tenant }: Member,
    RoleId(id): RoleId,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let role = app::roles::get(&app, tenant.scope, &id).await?;
    Ok(Role::response(tenant.scope, role, &headers))
}
