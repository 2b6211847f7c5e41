//! The `X-Request-Id` header: the client's id if it is safe to log, otherwise a new one. It is returned in
//! the response and is part of every log line of the request.

use axum::{
    body::Body,
    http::{HeaderName, HeaderValue, Request},
};
use telemetry::trace::{TraceContext, root_span};
use tower_http::request_id::{MakeRequestId, RequestId};
use tracing::{Span, field::Empty};

use super::trace_context::ParentContext;

/// Name of the header, in requests and in responses.
const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// Maximum length of a client's id, in bytes. A UUID has 36 characters, a trace id with a prefix fits too, and longer
/// ids would only enlarge the logs.
const MAX_ID_BYTES: usize = 64;

/// Generator of ids for requests without one.
#[derive(Clone, Copy)]
pub(in crate::http) struct MakeUuidV7;

impl MakeRequestId for MakeUuidV7 {
    fn make_request_id<B>(&mut self, _: &Request<B>) -> Option<RequestId> {
        let id = telemetry::ids::uuid_v7().to_string();
        HeaderValue::from_str(&id).ok().map(RequestId::new)
    }
}

/// Removes a client's id that is too long or could forge a log line.
pub(in crate::http) fn remove_unsafe_id(mut request: Request<Body>) -> Request<Body> {
    if request.headers().get(X_REQUEST_ID).is_some_and(|id| !is_safe(id)) {
        request.headers_mut().remove(X_REQUEST_ID);
    }
    request
}

/// Opens the tracing span of a request.
pub(in crate::http) fn span(request: &Request<Body>) -> Span {
    let id = request.extensions().get::<RequestId>().and_then(|id| id.header_value().to_str().ok());
    let context = request.extensions().get::<TraceContext>().copied();
    let create = || {
        tracing::info_span!(
            "request",
            request.id = id.unwrap_or_default(),
            trace.id = context.map(TraceContext::trace_id),
            span.id = context.map(TraceContext::span_id),
            http.method = %request.method(),
            http.path = %request.uri().path(),
            otel.name = Empty,
            otel.status_code = Empty,
            http.response.status_code = Empty,
        )
    };
    let parent = request.extensions().get::<ParentContext>().map(|ParentContext(parent)| *parent);
    match context {
        Some(context) => root_span(context, parent, create),
        None => create(),
    }
}

fn is_safe(id: &HeaderValue) -> bool {
    let safe = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:/+=".contains(&byte);
    let id = id.as_bytes();
    !id.is_empty() && id.len() <= MAX_ID_BYTES && id.iter().copied().all(safe)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id_after_removal(id: &'static str) -> Option<String> {
        let request = Request::builder().header(X_REQUEST_ID, id).body(Body::empty()).unwrap();
        let request = remove_unsafe_id(request);
        request.headers().get(X_REQUEST_ID).map(|id| id.to_str().unwrap().to_owned())
    }

    /// A client finds its request in the log by the id that it chose.
    #[test]
    fn safe_ids_of_clients_are_used() {
        assert_eq!(id_after_removal("shop-42:a/b").as_deref(), Some("shop-42:a/b"));
    }

    /// A client cannot write lines of its own into the log.
    #[test]
    fn ids_that_could_forge_log_lines_are_removed() {
        assert_eq!(id_after_removal("a b"), None);
        assert_eq!(id_after_removal("{\"level\":\"info\"}"), None);
        assert_eq!(id_after_removal(""), None);
    }
}
