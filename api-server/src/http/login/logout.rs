//! `POST /auth/logout`

use std::sync::Arc;

use axum::{
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse as _, Response},
};

use super::cookie;
use crate::{
    app::{self, App},
    auth::Verifier,
    http::authorize::Member,
    problem::{Code, Problem},
};

/// Ends the session of the browser. Other replicas refuse its cookie within 2 seconds.
pub(super) async fn log_out(
    State(app): State<App>,
    State(verifier): State<Arc<Verifier>>,
    Member { principal, tenant }: Member,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let session = principal
        .session
        .as_deref()
        .ok_or_else(|| Problem::new(Code::NotFound).detail("the request has no cookie of a session"))?;
    app::sessions::revoke(&app, tenant.scope, session.id, &principal.email).await?;
    if let Some(token) = cookie::session_token(&headers) {
        verifier.forget_session(token);
    }
    let mut response = StatusCode::NO_CONTENT.into_response();
    response.headers_mut().extend(cookie::without_session().map(|cookie| (header::SET_COOKIE, cookie)));
    Ok(response)
}
