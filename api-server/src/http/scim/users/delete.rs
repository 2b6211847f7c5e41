//! `DELETE /scim/v2/Users/{id}`

use axum::{
    extract::State,
    http::{HeaderMap, StatusCode},
};

use super::editor;
use crate::{
    app::{self, App},
    http::{authorize::Member, extract::Id, scim::precondition},
    problem::Problem,
};

/// Deletes a user, who is deactivated before.
pub(in crate::http::scim) async fn delete_user(
    State(app): State<App>,
    member: Member,
    Id(id): Id,
    headers: HeaderMap,
) -> Result<StatusCode, Problem> {
    let version = precondition::if_match_number(&headers)?;
    app::users::delete_provisioned(&app, editor(&member), id, version).await?;
    Ok(StatusCode::NO_CONTENT)
}
