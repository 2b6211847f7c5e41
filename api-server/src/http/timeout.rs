//! Time limits of requests.

use std::{sync::Arc, time::Duration};

use axum::{
    extract::{MatchedPath, Request, State},
    http::StatusCode,
    middleware::Next,
    response::{IntoResponse as _, Response},
};
use tower::ServiceExt as _;
use tower_http::timeout::{Timeout, TimeoutLayer};

use super::{authorize::operation_name, body::BodyKind, extract::Wait, request_bodies::RequestBodies};
use crate::problem::{Code, Problem};

/// Time limit of a request on the public port: two calls to the Kubernetes API at 5 s each, and the queries around
/// them.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(15);
/// Time limit of the transfer of a large value: 16 MiB on the internal port over a slow network, or a document of 50 MiB with 5 Mbit/s.
pub(in crate::http) const TRANSFER_TIMEOUT: Duration = Duration::from_secs(90);
/// Delay after which a client should repeat a request that timed out.
const RETRY_DELAY: Duration = Duration::from_secs(5);
/// Status by which [`as_problem`] recognizes a timeout; no handler answers with it.
const TIMED_OUT: StatusCode = StatusCode::GATEWAY_TIMEOUT;

/// Returns a layer that ends a transfer after 90 s. Its responses go through [`as_problem`].
pub(in crate::http) fn transfer_timeout() -> TimeoutLayer {
    TimeoutLayer::with_status_code(TIMED_OUT, TRANSFER_TIMEOUT)
}

/// Ends a request 15 s after the time that it prefers to wait, and one with a stream 15 s after the time that its transfer may take.
pub(in crate::http) async fn limit_request(
    State(bodies): State<Arc<RequestBodies>>,
    path: Option<MatchedPath>,
    request: Request,
    next: Next,
) -> Response {
    let Wait(preferred) = Wait::from_headers(request.headers());
    let operation = path.map(|path| operation_name(request.method(), path.as_str()));
    let is_stream = operation.is_some_and(|name| bodies.expected(&name).kind == BodyKind::Stream);
    let transfer = if is_stream { TRANSFER_TIMEOUT } else { Duration::ZERO };
    let next = Timeout::with_status_code(next, TIMED_OUT, REQUEST_TIMEOUT + preferred + transfer);
    match next.oneshot(request).await {
        Ok(response) => as_problem(response).await,
        Err(infallible) => match infallible {},
    }
}

/// Replaces the response of a timeout layer by a problem.
pub(in crate::http) async fn as_problem(response: Response) -> Response {
    if response.status() != TIMED_OUT {
        return response;
    }
    tracing::warn!("request timed out");
    Problem::new(Code::Timeout).retry_after(RETRY_DELAY).into_response()
}

#[cfg(test)]
mod tests {
    use axum::http::header;

    use super::*;

    /// A request that times out is answered with 503 and `Retry-After`; other responses pass unchanged.
    #[tokio::test]
    async fn a_timeout_is_answered_with_503() {
        let timeout = as_problem(TIMED_OUT.into_response()).await;
        assert_eq!(timeout.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(timeout.headers()[header::RETRY_AFTER], "5");
        assert_eq!(timeout.extensions().get::<Problem>().map(|problem| problem.code), Some(Code::Timeout));
        assert_eq!(as_problem(StatusCode::OK.into_response()).await.status(), StatusCode::OK);
    }
}
