//! `DELETE /v1/invitations/{id}`

use axum::{extract::State, http::StatusCode};

use crate::{
    app::{self, App, users::Editor},
    http::{authorize::Member, extract::Id},
    problem::Problem,
};

/// Revoke an invitation
///
/// Deletes an invitation: its token cannot be used any more. The user stays `INVITED`; delete it to take back the roles.
///
/// Requires the permission `user.create`. Fails with 404 `not_found` if the tenant has no such invitation, or 423 `tenant_suspended`.
#[utoipa::path(
    delete, path = "/v1/invitations/{id}", tag = "users",
    params(("id" = Uuid, Path, description = "ID of the invitation")),
    responses((status = NO_CONTENT, description = "The invitation was revoked"))
)]
pub(in crate::http) async fn revoke_invitation(
    State(app): State<App>,
    Member { principal, tenant }: Member,
    Id(id): Id,
) -> Result<StatusCode, Problem> {
    let editor = Editor { scope: tenant.scope, permissions: tenant.grantable(principal.permissions) };
    app::invitations::revoke(&app, editor, id).await?;
    Ok(StatusCode::NO_CONTENT)
}
