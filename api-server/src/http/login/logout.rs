//! `POST /auth/logout`

use std::sync::Arc;

use axum::{
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse as _, Response},
};

use super::{cookie, session_of};
use crate::{
    app::{self, App},
    auth::{Principal, Verifier},
    problem::{Code, Problem},
};

/// Ends the session of the browser. Other replicas refuse its cookie within 2 seconds.
pub(super) async fn log_out(
    State(app): State<App>,
    State(verifier): State<Arc<Verifier>>,
    principal: Principal,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let session = session_of(&principal)?;
    let tenant = principal.tenant.as_ref().ok_or_else(|| Problem::new(Code::SessionRequired))?;
    app::sessions::revoke(&app, tenant.scope, session.id, &principal.email).await?;
    if let Some(token) = cookie::session_token(&headers) {
        verifier.forget_session(token);
    }
    let mut response = StatusCode::NO_CONTENT.into_response();
    response.headers_mut().extend(cookie::without_session().map(|cookie| (header::SET_COOKIE, cookie)));
    Ok(response)
}
