//! No request is answered later than it should be.

use std::time::Duration;

use axum::{
    extract::Request,
    http::{HeaderValue, header},
    middleware::Next,
    response::{IntoResponse as _, Response},
};

use super::{
    extract::Wait,
    problem::{Code, Problem},
};

/// Two calls to the Kubernetes API at 5 s each, and the queries around them.
const BOUND: Duration = Duration::from_secs(15);

/// 16 MiB in a minute are a slow network; the runner tries again.
const TRANSFER: Duration = Duration::from_secs(90);

/// Gives up on a request that carries something large after 90 s.
pub(in crate::http) async fn bound_transfer(request: Request, next: Next) -> Response {
    within(TRANSFER, request, next).await
}

/// Gives up on a request after 15 s, and after the time that it prefers to wait.
pub(in crate::http) async fn bound(request: Request, next: Next) -> Response {
    let Wait(preferred) = Wait::of(request.headers());
    within(BOUND + preferred, request, next).await
}

async fn within(bound: Duration, request: Request, next: Next) -> Response {
    match tokio::time::timeout(bound, next.run(request)).await {
        Ok(response) => response,
        Err(_) => {
            tracing::warn!("gave up on a request");
            Problem::new(Code::Timeout)
                .header(header::RETRY_AFTER, HeaderValue::from_static("5"))
                .into_response()
        }
    }
}
