//! `POST /scim/v2/Users`

use axum::{extract::State, response::Response};

use super::{
    editor,
    resource::{GroupNames, resource},
};
use crate::{
    app::{self, App},
    http::{
        authorize::Member,
        extract::Json,
        scim::{attributes, body::Object, list::Shown},
    },
    problem::Problem,
};

/// Creates a user, who is invited until the first login.
pub(in crate::http::scim) async fn create_user(
    State(app): State<App>,
    member: Member,
    shown: Shown,
    Json(body): Json<Object>,
) -> Result<Response, Problem> {
    let provision = attributes::of_resource(body)?;
    let user = app::users::provision(&app, editor(&member), provision).await?;
    let names = GroupNames::read(&app, member.tenant.scope).await?;
    Ok(resource(user, &names).created(&shown))
}
