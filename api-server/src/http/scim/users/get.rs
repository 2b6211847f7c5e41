//! `GET /scim/v2/Users/{id}`

use axum::{extract::State, http::HeaderMap, response::Response};

use super::resource::{GroupNames, resource};
use crate::{
    app::{self, App},
    http::{authorize::Member, extract::Id, scim::list::Shown},
    problem::Problem,
};

/// Returns a user.
pub(in crate::http::scim) async fn get_user(
    State(app): State<App>,
    Member { tenant, .. }: Member,
    Id(id): Id,
    shown: Shown,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let user = app::users::get_provisioned(&app, tenant.scope, id).await?;
    let names = GroupNames::read(&app, tenant.scope).await?;
    Ok(resource(user, &names).response(&headers, &shown))
}
