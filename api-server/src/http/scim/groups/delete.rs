//! `DELETE /scim/v2/Groups/{id}`

use axum::{
    extract::{Path, State},
    http::{HeaderMap, StatusCode},
};

use super::caller;
use crate::{
    app::{self, App},
    http::{authorize::Member, scim::precondition},
    problem::Problem,
};

/// Deletes the role of a group, which gives its members nothing any more.
pub(in crate::http::scim) async fn delete_group(
    State(app): State<App>,
    member: Member,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<StatusCode, Problem> {
    let version = precondition::if_match(&headers)?;
    app::groups::delete(&app, caller(&member), &id, version.as_deref()).await?;
    Ok(StatusCode::NO_CONTENT)
}
