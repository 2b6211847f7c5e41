//! `PATCH /v1/roles/{id}`

use axum::{extract::State, http::HeaderMap, response::Response};
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::resource::{Role, RoleId};
use crate::{
    app::{self, App, roles::Patch},
    http::{authorize::Member, etag::IfMatch, extract::MergePatch},
    problem::Problem,
};

/// Change of a role. Absent fields stay as they are.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(in crate::http) struct UpdateRole {
    /// New name; at most 100 characters.
    name: Option<String>,
    /// New description; at most 1,000 characters.
    description: Option<String>,
    /// IDs of all its policies, which replace the earlier ones; at most 20.
    policies: Option<Vec<Uuid>>,
}

/// Change a role
///
/// Changes a role of the tenant, for all who have it, within 5 s. Its policies may allow only what the caller may do itself for all
/// resources; a denial can be removed only by a caller who may do what it denies.
///
/// Requires the permission `role.update`. Fails with 403 `forbidden` if the caller would grant more than it may do, 404 `not_found`,
/// 409 `conflict` if the role is built in, 409 `already_exists`, 412 `precondition_failed` if the role was changed since the client
/// read it, 415 `unsupported_media_type`, 422 `invalid`, 423 `tenant_suspended`, or 428 `precondition_required`.
#[utoipa::path(
    patch, path = "/v1/roles/{id}", tag = "access",
    params(
        ("id" = String, Path, description = "ID of a role of the tenant"),
        ("If-Match" = String, Header, description = "`ETag` of the role, or `*` for any state"),
    ),
    request_body(content = UpdateRole, content_type = "application/merge-patch+json"),
    responses((status = OK, description = "Changed role", body = Role))
)]
pub(in crate::http) async fn update_role(
    State(app): State<App>,
    Member { principal, tenant }: Member,
    RoleId(id): RoleId,
    condition: IfMatch,
    MergePatch(body): MergePatch<UpdateRole>,
) -> Result<Response, Problem> {
    let UpdateRole { name, description, policies } = body;
    let (scope, own) = (tenant.scope, tenant.grantable(principal.permissions));
    let patch = Patch { name, description, policies };
    let role = app::roles::update(&app, scope, own, &id, condition.generation(), patch).await?;
    Ok(Role::response(scope, role, &HeaderMap::new()))
}
