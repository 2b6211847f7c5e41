//! `X-Request-Id`: the client's, if it can be logged safely, or a new one; echoed either way.

use axum::{
    extract::Request,
    http::{HeaderMap, HeaderName, HeaderValue},
    middleware::Next,
    response::Response,
};
use tracing::Instrument as _;

/// The name of the header, in requests and in answers.
pub(in crate::http) const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// A UUID has 36 characters; a trace id with a prefix fits too. Longer ones would only fatten the logs.
const MAX_LEN: usize = 64;

/// The id of the request that is being answered.
#[derive(Clone, Debug)]
pub(crate) struct RequestId(pub(crate) String);

/// Gives the request its id and its tracing span, and the answer the id as a header.
pub(in crate::http) async fn identify(mut request: Request, next: Next) -> Response {
    let id = given(request.headers()).unwrap_or_else(|| telemetry::ids::uuid_v7().to_string());
    let span = tracing::info_span!(
        "request",
        request.id = %id,
        http.method = %request.method(),
        http.path = %request.uri().path(),
    );
    request.extensions_mut().insert(RequestId(id.clone()));
    let mut response = next.run(request).instrument(span).await;
    if let Ok(value) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(X_REQUEST_ID, value);
    }
    response
}

fn given(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(X_REQUEST_ID)?.to_str().ok()?;
    let safe = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:/+=".contains(&byte);
    (!value.is_empty() && value.len() <= MAX_LEN && value.bytes().all(safe)).then(|| value.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(value: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(X_REQUEST_ID, HeaderValue::from_static(value))])
    }

    /// A client cannot find its request in the log.
    #[test]
    fn a_clients_id_is_kept() {
        assert_eq!(given(&with("shop-42:a/b")).as_deref(), Some("shop-42:a/b"));
    }

    /// A client writes lines of its own into the log.
    #[test]
    fn an_id_that_could_forge_a_log_line_is_replaced() {
        assert_eq!(given(&with("a b")), None);
        assert_eq!(given(&with("{\"level\":\"info\"}")), None);
    }
}
