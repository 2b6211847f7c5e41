//! `PUT /scim/v2/Users/{id}`

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
        scim::{attributes, body::Object, list::Shown, precondition},
    },
    problem::Problem,
};

/// Replaces the attributes of a user. Those that are absent are removed, except the address; groups are changed by requests of their own.
pub(in crate::http::scim) async fn replace_user(
    State(app): State<App>,
    member: Member,
    Id(id): Id,
    shown: Shown,
    headers: HeaderMap,
    Json(body): Json<Object>,
) -> Result<Response, Problem> {
    let version = precondition::if_match_number(&headers)?;
    let provision = attributes::of_resource(body)?;
    let user = app::users::reprovision(&app, editor(&member), id, version, provision).await?;
    let names = GroupNames::read(&app, member.tenant.scope).await?;
    Ok(resource(user, &names).response(&HeaderMap::new(), &shown))
}
