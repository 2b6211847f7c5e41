//! `GET /auth/login`

use std::sync::Arc;

use axum::{
    extract::State,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use serde::Deserialize;

use super::{cookie, enabled};
use crate::{
    auth::{LoginClient, MAX_LOGIN_SECONDS, ReturnTo},
    http::extract::Query,
    problem::Problem,
};

/// Query parameters.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Parameters {
    /// Path of this server to which the browser goes afterwards. Default: `/`.
    #[serde(default)]
    return_to: ReturnTo,
    /// Issuer. Default: the only one that is configured for logins.
    issuer: Option<String>,
}

/// Sends the browser to an issuer.
pub(super) async fn begin_login(
    State(login): State<Option<Arc<LoginClient>>>,
    Query(parameters): Query<Parameters>,
) -> Result<Response, Problem> {
    let login = enabled(login)?;
    let Parameters { return_to, issuer } = parameters;
    let now = telemetry::clock::now().as_second();
    let (attempt, url) = login.begin(issuer.as_deref(), return_to, now).await?;
    let location = HeaderValue::from_str(url.as_str()).ok();
    let cookie = cookie::with_attempt(&attempt.to_cookie(), MAX_LOGIN_SECONDS);
    Ok(redirect(location, [cookie]))
}

/// Returns a redirect that sets cookies. Nothing stores it, and the next page does not learn the address of this one, which has secrets.
pub(super) fn redirect<const N: usize>(
    location: Option<HeaderValue>,
    cookies: [Option<HeaderValue>; N],
) -> Response {
    let mut response = StatusCode::SEE_OTHER.into_response();
    let headers = response.headers_mut();
    headers.extend(location.map(|location| (header::LOCATION, location)));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    for cookie in cookies.into_iter().flatten() {
        headers.append(header::SET_COOKIE, cookie);
    }
    response
}
