//! Where an answer leads to.

use http::{
    HeaderValue, StatusCode,
    header::{AUTHORIZATION, CONTENT_TYPE, COOKIE, LOCATION, PROXY_AUTHORIZATION},
};
use reqwest::Method;
use url::Url;

use crate::{
    action::http::{HttpError, request::Request},
    secrets::Redactor,
};

/// More is a circle.
pub(super) const MAX_REDIRECTS: usize = 10;

/// The request that an answer asks for; `None` if it is the end. Nothing that a step authenticates itself with goes to
/// another origin than that which the step names: no credentials, no certificate, and no header with a secret in it.
pub(super) fn next(
    request: &Request,
    answer: &reqwest::Response,
    redactor: &Redactor,
) -> Result<Option<Request>, HttpError> {
    let Some(method) = method(answer.status(), &request.method) else { return Ok(None) };
    let Some(location) = answer.headers().get(LOCATION) else { return Ok(None) };
    let url = resolve(&request.url, location)?;
    let mut next = Request { url, ..request.clone() };
    // A location stands for itself: what the step adds to its own URL is not added again.
    next.query.clear();
    if method != request.method {
        next.method = method;
        next.body = None;
        next.headers.remove(CONTENT_TYPE);
    }
    if next.url.origin() != request.url.origin() {
        next.credentials = None;
        next.tls.withhold();
        for name in [AUTHORIZATION, COOKIE, PROXY_AUTHORIZATION] {
            next.headers.remove(name);
        }
        let secret = |value: &HeaderValue| redactor.finds_in(&String::from_utf8_lossy(value.as_bytes()));
        let kept = next.headers.iter().filter(|(_, value)| !secret(value));
        next.headers = kept.map(|(name, value)| (name.clone(), value.clone())).collect();
    }
    Ok(Some(next))
}

/// As browsers do it: a POST that was answered by 301 or 302 goes on as a GET, 307 and 308 repeat what was sent.
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

fn resolve(base: &Url, location: &HeaderValue) -> Result<Url, HttpError> {
    let text = String::from_utf8_lossy(location.as_bytes()).into_owned();
    let refused = |reason: String| HttpError::Redirect { location: text.clone(), reason };
    let url = base.join(&text).map_err(|error| refused(error.to_string()))?;
    match url.scheme() {
        "http" | "https" => Ok(url),
        other => Err(refused(format!("{other} is not followed"))),
    }
}
