//! `GET /scim/v2/Groups/{id}`

use axum::{
    extract::{Path, State},
    http::HeaderMap,
    response::Response,
};

use super::resource::resource;
use crate::{
    app::{self, App},
    http::{authorize::Member, scim::list::Shown},
    problem::Problem,
};

/// Returns a group.
pub(in crate::http::scim) async fn get_group(
    State(app): State<App>,
    Member { tenant, .. }: Member,
    Path(id): Path<String>,
    shown: Shown,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let group = app::groups::get(&app, tenant.scope, &id, shown.has("members")).await?;
    Ok(resource(group).response(&headers, &shown))
}
