//! Login of people with a browser: the routes under `/auth`, and the cookies.
//!
//! Off unless an issuer has a client for logins. Scripts never see the token of the session, and a request with its cookie changes
//! something only with the token that `GET /auth/session` returns, which other sites cannot read.

mod begin;
mod callback;
mod cookie;
mod logout;
mod session;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use axum::{
    Router,
    http::{HeaderMap, Method, header},
    routing::{get, post},
};

use super::HttpState;
use crate::{
    auth::{LoginClient, LoginError, Principal, Session, TokenError},
    problem::{Code, Problem},
};

pub(in crate::http) use cookie::session_token;

/// Operations of the login, as in `operations.yaml`.
pub(in crate::http) const OPERATIONS: [&str; 4] =
    ["GET /auth/login", "GET /auth/callback", "GET /auth/session", "POST /auth/logout"];
/// Header with the token that requests which change something must have.
const CSRF_HEADER: &str = "x-csrf-token";

/// Returns the routes of the login.
pub(in crate::http) fn routes() -> Router<HttpState> {
    Router::new()
        .route("/auth/login", get(begin::begin_login))
        .route("/auth/callback", get(callback::finish_login))
        .route("/auth/session", get(session::get_session))
        .route("/auth/logout", post(logout::log_out))
}

/// Checks that a request with the cookie of a session was sent by a page of this server.
///
/// # Errors
/// Returns an error if a request that may change something lacks the token of the session, or if a page of another server opens a
/// WebSocket.
pub(in crate::http) fn check_origin(
    login: Option<&LoginClient>,
    session: &Session,
    method: &Method,
    headers: &HeaderMap,
) -> Result<(), Problem> {
    if headers.contains_key(header::UPGRADE) {
        let own = login.map(LoginClient::origin);
        let is_own = own.is_some_and(|own| headers.get(header::ORIGIN).is_some_and(|origin| *origin == *own));
        return if is_own { Ok(()) } else { Err(Problem::new(Code::CsrfTokenInvalid)) };
    }
    let is_safe = matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS);
    let has_token = || headers.get(CSRF_HEADER).is_some_and(|token| session.has_csrf_token(token.as_bytes()));
    if is_safe || has_token() { Ok(()) } else { Err(Problem::new(Code::CsrfTokenInvalid)) }
}

/// Returns the session of a request.
///
/// # Errors
/// Returns an error if the request has no cookie of one.
fn session_of(principal: &Principal) -> Result<&Session, Problem> {
    principal.session.as_deref().ok_or_else(|| Problem::new(Code::SessionRequired))
}

/// Returns the client for logins.
fn enabled(login: Option<Arc<LoginClient>>) -> Result<Arc<LoginClient>, Problem> {
    login.ok_or_else(|| Problem::from(LoginError::Disabled))
}

impl From<LoginError> for Problem {
    fn from(error: LoginError) -> Self {
        let detail = error.to_string();
        match error {
            LoginError::Disabled => Self::new(Code::LoginNotConfigured).detail(detail),
            LoginError::Issuer(_) => Self::new(Code::InvalidParameter).detail(detail),
            LoginError::Issuers(_) => Self::unavailable(&error, "the issuer is unavailable"),
            LoginError::Token(TokenError::Key(_)) => {
                Self::unavailable(&error, "the signing keys of the issuer are unavailable")
            }
            LoginError::Secret(_) => {
                let error: &(dyn std::error::Error + 'static) = &error;
                tracing::error!(error, "login failed");
                Self::new(Code::Internal)
            }
            LoginError::Answer(_)
            | LoginError::Refused(_)
            | LoginError::Exchange(_)
            | LoginError::Token(_)
            | LoginError::IdToken(_) => {
                let error: &(dyn std::error::Error + 'static) = &error;
                tracing::warn!(error, "login failed");
                Self::new(Code::LoginFailed).detail(detail)
            }
        }
    }
}
