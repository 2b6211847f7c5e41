//! `PUT /scim/v2/Groups/{id}`

use axum::{
    extract::{Path, State},
    http::HeaderMap,
    response::Response,
};

use super::{attributes, caller, resource::resource};
use crate::{
    app::{self, App},
    http::{
        authorize::Member,
        extract::Json,
        scim::{body::Object, list::Shown, precondition},
    },
    problem::Problem,
};

/// Replaces the name and the members of a group.
pub(in crate::http::scim) async fn replace_group(
    State(app): State<App>,
    member: Member,
    Path(id): Path<String>,
    shown: Shown,
    headers: HeaderMap,
    Json(body): Json<Object>,
) -> Result<Response, Problem> {
    let version = precondition::if_match(&headers)?;
    let update = attributes::of_resource(&body)?;
    let group = app::groups::update(&app, caller(&member), &id, version.as_deref(), update).await?;
    Ok(resource(group).response(&HeaderMap::new(), &shown))
}
