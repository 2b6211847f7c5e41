//! The cookies of a login. Names with `__Host-` are accepted from this server alone, over TLS, for all of its paths.

use axum::http::{HeaderMap, HeaderValue, header};

/// Cookie with the token of a session.
const SESSION: &str = "__Host-smbc_session";
/// Cookie with a login that the browser has begun.
const ATTEMPT: &str = "__Host-smbc_login";
/// Maximum number of cookies that are read, and their maximum length in bytes.
const MAX_COOKIES: usize = 50;
const MAX_BYTES: usize = 8 * 1_024;

/// Returns the token of the session in the cookies of a request.
pub(in crate::http) fn session_token(headers: &HeaderMap) -> Option<&str> {
    find(headers, SESSION)
}

/// Returns the login that the browser has begun.
pub(super) fn attempt(headers: &HeaderMap) -> Option<&str> {
    find(headers, ATTEMPT)
}

/// Returns the header that stores the token of a session for a time in seconds.
pub(super) fn with_session(token: &str, seconds: i64) -> Option<HeaderValue> {
    value(SESSION, token, seconds)
}

/// Returns the header that deletes the token of a session.
pub(super) fn without_session() -> Option<HeaderValue> {
    value(SESSION, "", 0)
}

/// Returns the header that stores a login for a time in seconds.
pub(super) fn with_attempt(attempt: &str, seconds: i64) -> Option<HeaderValue> {
    value(ATTEMPT, attempt, seconds)
}

/// Returns the header that deletes a login.
pub(super) fn without_attempt() -> Option<HeaderValue> {
    value(ATTEMPT, "", 0)
}

/// The answer of an issuer is a navigation from another site, with which cookies that are `Lax` are sent, and those that are `Strict` are
/// not.
fn value(name: &str, value: &str, seconds: i64) -> Option<HeaderValue> {
    format!("{name}={value}; Path=/; Max-Age={seconds}; HttpOnly; Secure; SameSite=Lax").parse().ok()
}

/// Returns the value of a cookie; `None` if there is none, or if there are several of the name.
fn find<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let texts = headers.get_all(header::COOKIE).into_iter().filter_map(|value| value.to_str().ok());
    let cookies =
        texts.filter(|text| text.len() <= MAX_BYTES).flat_map(|text| text.split(';')).take(MAX_COOKIES);
    let mut values = cookies.filter_map(|cookie| cookie.trim().strip_prefix(name)?.strip_prefix('='));
    match (values.next(), values.next()) {
        (Some(value), None) => Some(value),
        _ => None,
    }
}
