//! `GET /v1/users/{id}`

use axum::{extract::State, http::HeaderMap, response::Response};

use super::resource::{User, UserField};
use crate::{
    app::{self, App},
    http::{authorize::Member, extract::Id, fields::Fields},
    problem::Problem,
};

/// Get a user
///
/// Returns a user of the tenant. Requires the permission `user.read`. Fails with 404 `not_found` if the tenant has no such user.
#[utoipa::path(
    get, path = "/v1/users/{id}", tag = "users",
    params(
        ("id" = Uuid, Path, description = "ID of the user"),
        ("If-None-Match" = Option<String>, Header, description = "`ETag` of an earlier response"),
        Fields<UserField>,
    ),
    responses(
        (status = OK, description = "User", body = User),
        (status = NOT_MODIFIED, description = "The user has not changed"),
    )
)]
pub(in crate::http) async fn get_user(
    State(app): State<App>,
    Member { principal: _, tenant }: Member,
    Id(id): Id,
    fields: Fields<UserField>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let user = app::users::get(&app, tenant.scope, id).await?;
    Ok(User::selected(user, &headers, &fields))
}
