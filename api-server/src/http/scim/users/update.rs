//! `PATCH /scim/v2/Users/{id}`

use axum::{extract::State, http::HeaderMap, response::Response};

use super::{
    editor,
    resource::{GroupNames, resource},
};
use crate::{
    app::{self, App},
    http::{
        authorize::Member,
        extract::{Id, Json},
        scim::{attributes, list::Shown, patch::PatchBody, precondition},
    },
    problem::Problem,
};

/// Changes attributes of a user: all of them, or none if one cannot be changed.
pub(in crate::http::scim) async fn update_user(
    State(app): State<App>,
    member: Member,
    Id(id): Id,
    shown: Shown,
    headers: HeaderMap,
    Json(body): Json<PatchBody>,
) -> Result<Response, Problem> {
    let version = precondition::if_match_number(&headers)?;
    let provision = attributes::of_patch(body.operations()?)?;
    let user = app::users::reprovision(&app, editor(&member), id, version, provision).await?;
    let names = GroupNames::read(&app, member.tenant.scope).await?;
    Ok(resource(user, &names).response(&HeaderMap::new(), &shown))
}
