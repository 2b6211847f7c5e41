//! `POST /scim/v2/Groups`

use axum::{extract::State, response::Response};

use super::{attributes, caller, resource::resource};
use crate::{
    app::{
        self, App,
        groups::{Create, Update},
        users::MemberChange,
    },
    http::{
        authorize::Member,
        extract::Json,
        scim::{body::Object, list::Shown},
    },
    problem::Problem,
};

/// Creates a role without permissions, and gives it to the members.
pub(in crate::http::scim) async fn create_group(
    State(app): State<App>,
    member: Member,
    shown: Shown,
    Json(body): Json<Object>,
) -> Result<Response, Problem> {
    let Update { name, external_id, mut members } = attributes::of_resource(&body)?;
    // A group without members needs no right to assign roles.
    let has_members =
        |change: &MemberChange| !matches!(change, MemberChange::Replace(none) if none.is_empty());
    members.retain(has_members);
    let (name, external_id) = (name.unwrap_or_default(), external_id.flatten());
    let group = app::groups::create(&app, caller(&member), Create { name, external_id, members }).await?;
    Ok(resource(group).created(&shown))
}
