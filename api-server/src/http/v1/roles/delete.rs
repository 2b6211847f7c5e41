//! `DELETE /v1/roles/{id}`

use axum::{extract::State, http::StatusCode};

use super::resource::RoleId;
use crate::{
    app::{self, App},
    http::{authorize::Member, etag::IfMatch},
    problem::Problem,
};

/// Delete a role
///
/// Deletes a role of the tenant that no user, invited person or service account has. A role with a denial can be deleted only by a
/// caller who may do what it denies.
///
/// Requires the permission `role.delete`. Fails with 403 `forbidden`, 404 `not_found`, 409 `conflict` if the role is built in or somebody has
/// it, 412 `precondition_failed` if the request has `If-Match` and the role was changed since the client read it, or 423 `tenant_suspended`.
#[utoipa::path(
    delete, path = "/v1/roles/{id}", tag = "access",
    params(
        ("id" = String, Path, description = "ID of a role of the tenant"),
        ("If-Match" = Option<String>, Header, description = "`ETag` of the role, or `*` for any state"),
    ),
    responses((status = NO_CONTENT, description = "The role was deleted"))
)]
pub(in crate::http) async fn delete_role(
    State(app): State<App>,
    Member { principal, tenant }: Member,
    RoleId(id): RoleId,
    condition: Option<IfMatch>,
) -> Result<StatusCode, Problem> {
    let (version, own) = (condition.and_then(IfMatch::generation), tenant.grantable(principal.permissions));
    app::roles::delete(&app, tenant.scope, own, &id, version).await?;
    Ok(StatusCode::NO_CONTENT)
}
