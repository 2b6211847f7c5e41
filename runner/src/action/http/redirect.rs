//! Redirects.

use http::{
    HeaderValue, StatusCode,
    header::{AUTHORIZATION, CONTENT_TYPE, COOKIE, LOCATION, PROXY_AUTHORIZATION},
};
use reqwest::Method;
use url::Url;

use crate::{
    action::http::{errors::HttpError, request::Request},
    secrets::Redactor,
};

/// Maximum number of redirects for one step. Browsers have similar limits against redirect loops.
pub(super) const MAX_REDIRECTS: usize = 10;

/// Returns the request to which a response redirects, or `None` if it is not a redirect.
///
/// Credentials, the client certificate and headers that contain a secret are sent only to the origin that the
/// step names.
///
/// # Errors
/// Returns an error if the redirect's target is not an HTTP URL.
pub(super) fn next(
    request: &Request,
    response: &reqwest::Response,
    redactor: &Redactor,
) -> Result<Option<Request>, HttpError> {
    let Some(method) = method(response.status(), &request.method) else { return Ok(None) };
    let Some(location) = response.headers().get(LOCATION) else { return Ok(None) };
    let url = resolve(&request.url, location)?;
    let mut next = Request { url, ..request.clone() };
    // The location is complete: the step's own query is not added to it.
    next.query.clear();
    if method != request.method {
        next.method = method;
        next.body = None;
        next.headers.remove(CONTENT_TYPE);
    }
    if next.url.origin() != request.url.origin() {
        next.credentials = None;
        next.tls.remove_client_certificate();
        for name in [AUTHORIZATION, COOKIE, PROXY_AUTHORIZATION] {
            next.headers.remove(name);
        }
        let secret = |value: &HeaderValue| redactor.may_reveal(&String::from_utf8_lossy(value.as_bytes()));
        let retained = next.headers.iter().filter(|(_, value)| !secret(value));
        next.headers = retained.map(|(name, value)| (name.clone(), value.clone())).collect();
    }
    Ok(Some(next))
}

/// Returns the method of the redirected request, or `None` if the status is not that of a redirect. As in
/// browsers, a POST becomes a GET after status 301 or 302, while 307 and 308 repeat the request.
fn method(status: StatusCode, method: &Method) -> Option<Method> {
    match status {
        StatusCode::MOVED_PERMANENTLY | StatusCode::FOUND if *method == Method::POST => Some(Method::GET),
        StatusCode::SEE_OTHER if *method != Method::HEAD => Some(Method::GET),
        StatusCode::MOVED_PERMANENTLY
        | StatusCode::FOUND
        | StatusCode::SEE_OTHER
        | StatusCode::TEMPORARY_REDIRECT
        | StatusCode::PERMANENT_REDIRECT => Some(method.clone()),
        _ => None,
    }
}

/// Resolves a `Location` header against the URL of the request.
fn resolve(base: &Url, location: &HeaderValue) -> Result<Url, HttpError> {
    let text = String::from_utf8_lossy(location.as_bytes()).into_owned();
    let refused = |reason: String| HttpError::Redirect { location: text.clone(), reason };
    let url = base.join(&text).map_err(|error| refused(error.to_string()))?;
    match url.scheme() {
        "http" | "https" => Ok(url),
        other => Err(refused(format!("only http and https are followed, not {other}"))),
    }
}
