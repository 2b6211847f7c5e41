//! `GET /v1/invitations/{id}`

use axum::{extract::State, http::HeaderMap, response::Response};

use super::resource::{Invitation, InvitationField};
use crate::{
    app::{self, App},
    http::{authorize::Member, extract::Id, fields::Fields},
    problem::Problem,
};

/// Get an invitation
///
/// Returns an invitation of the tenant, without its token. Requires the permission `user.read`. Fails with 404 `not_found` if the tenant
/// has no such invitation.
#[utoipa::path(
    get, path = "/v1/invitations/{id}", tag = "users",
    params(
        ("id" = Uuid, Path, description = "ID of the invitation"),
        ("If-None-Match" = Option<String>, Header, description = "`ETag` of an earlier response"),
        Fields<InvitationField>,
    ),
    responses(
        (status = OK, description = "Invitation", body = Invitation),
        (status = NOT_MODIFIED, description = "The invitation has not changed"),
    )
)]
pub(in crate::http) async fn get_invitation(
    State(app): State<App>,
    Member { principal: _, tenant }: Member,
    Id(id): Id,
    fields: Fields<InvitationField>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let invitation = app::invitations::get(&app, tenant.scope, id).await?;
    Ok(Invitation::selected(invitation, &headers, &fields))
}
