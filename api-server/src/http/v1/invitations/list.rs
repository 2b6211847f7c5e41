//! `GET /v1/invitations`

use axum::{extract::State, response::Response};

use super::resource::{Invitation, InvitationField};
use crate::{
    app::{self, App},
    http::{
        authorize::Member,
        fields::Fields,
        list::{List, ListRequest, NoFilter, PageParameters},
    },
    problem::Problem,
};

/// List invitations
///
/// Returns a page of the tenant's invitations, without their tokens, newest first by default. Requires the permission `user.read`.
#[utoipa::path(
    get, path = "/v1/invitations", tag = "users", params(PageParameters, Fields<InvitationField>),
    responses((status = OK, description = "Page of invitations", body = List<Invitation>))
)]
pub(in crate::http) async fn list_invitations(
    State(app): State<App>,
    Member { principal: _, tenant }: Member,
    request: ListRequest<NoFilter, InvitationField>,
) -> Result<Response, Problem> {
    let page = app::invitations::list(&app, tenant.scope, &request.paging).await?;
    let total = request.total_count(app::invitations::count(&app, tenant.scope)).await?;
    Ok(request.response(page, total, Invitation::from))
}
