//! Who sends a request, by its headers.

use std::net::IpAddr;

use axum::http::{HeaderMap, header};

use super::{HttpState, login, rate_limit};
use crate::{
    app,
    auth::{self, IdentityError, Origin, Principal, SessionError},
    limits::RateExceeded,
    problem::{Problem, rate_limited},
};

/// Authenticates the caller, and admits a person who logs in for the first time.
pub(in crate::http) async fn authenticate(
    state: &HttpState,
    headers: &HeaderMap,
    address: Option<IpAddr>,
    origin: &Origin,
) -> Result<Principal, Problem> {
    let HttpState { app, verifier, .. } = state;
    let admit = || rate_limit::count_address(&app.limits, address);
    // Guessing the tokens of invitations is slow.
    if headers.contains_key("invitation-token") {
        admit().map_err(|error| rate_limited("address", &error))?;
    }
    match authenticate_headers(state, headers, admit).await {
        Err(auth::Error::Identity(IdentityError::FirstLogin(login))) => {
            let admitted = app::users::admit(app, &login, origin).await;
            verifier.forget_user(&login.issuer, &login.subject);
            if admitted.is_err() {
                verifier.remember_refusal(&login.issuer, &login.subject);
            }
            admitted?;
            Ok(authenticate_headers(state, headers, admit).await?)
        }
        result => Ok(result?),
    }
}

/// Authenticates the caller by its bearer token, or by the cookie of a session if it has none.
pub(in crate::http) async fn authenticate_headers(
    HttpState { app, verifier, .. }: &HttpState,
    headers: &HeaderMap,
    admit: impl FnOnce() -> Result<(), RateExceeded>,
) -> Result<Principal, auth::Error> {
    let session = login::session_token(headers).filter(|_| !headers.contains_key(header::AUTHORIZATION));
    let Some(token) = session else { return auth::authenticate(verifier, &app.db, headers, admit).await };
    match auth::authenticate_session(verifier, &app.db, token, admit).await {
        Err(SessionError::Identity(error)) => Err(error.into()),
        result => Ok(result?),
    }
}
