//! `GET /auth/session`

use axum::{
    Json,
    http::{HeaderValue, header},
    response::{IntoResponse as _, Response},
};
use jiff::Timestamp;
use serde::Serialize;
use uuid::Uuid;

use super::session_of;
use crate::{
    auth::{Principal, Session},
    problem::Problem,
};

/// Session of a browser.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Body {
    /// ID of the user; null if the claims alone identify the person.
    user_id: Option<Uuid>,
    /// Address of the person.
    email: String,
    /// Full name of the user.
    display_name: Option<String>,
    /// Name of the tenant.
    tenant: Option<String>,
    /// Value of the header `X-CSRF-Token` of requests that change something.
    csrf_token: String,
    /// Time after which the person has to log in again, at the latest.
    expires_at: String,
}

/// Returns the session of the browser.
pub(super) async fn get_session(principal: Principal) -> Result<Response, Problem> {
    let Session { id: _, csrf_token, expires_at } = session_of(&principal)?;
    let body = Body {
        user_id: principal.user.as_ref().map(|user| user.id),
        email: principal.email.clone(),
        display_name: principal.user.as_ref().and_then(|user| user.display_name.clone()),
        tenant: principal.tenant.as_ref().map(|tenant| tenant.slug.clone()),
        csrf_token: csrf_token.clone(),
        expires_at: Timestamp::from_second(*expires_at).unwrap_or_default().to_string(),
    };
    let headers = [(header::CACHE_CONTROL, HeaderValue::from_static("no-store"))];
    Ok((headers, Json(body)).into_response())
}
