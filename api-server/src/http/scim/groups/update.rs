//! `PATCH /scim/v2/Groups/{id}`

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
        scim::{list::Shown, patch::PatchBody, precondition},
    },
    problem::Problem,
};

/// Changes the name and members of a group: all of it, or nothing if a part cannot be changed.
pub(in crate::http::scim) async fn update_group(
    State(app): State<App>,
    member: Member,
    Path(id): Path<String>,
    shown: Shown,
    headers: HeaderMap,
    Json(body): Json<PatchBody>,
) -> Result<Response, Problem> {
    let version = precondition::if_match(&headers)?;
    let update = attributes::of_patch(body.operations()?)?;
    let group = app::groups::update(&app, caller(&member), &id, version.as_deref(), update).await?;
    Ok(resource(group).response(&HeaderMap::new(), &shown))
}
