//! The number of requests in progress: of all tenants, and of each.

use std::time::Duration;

use axum::{
    body::Body,
    http::{HeaderMap, header},
    response::Response,
};
use http_body::Body as _;
use http_body_util::BodyExt as _;
use uuid::Uuid;

use crate::{
    limits::{Exhausted, Limits, LogLimit, Permit},
    problem::{Code, Problem},
};

/// Delay after which a client should retry when too many requests are in progress.
const RETRY_DELAY: Duration = Duration::from_secs(1);
/// Time for which a response waits for memory.
const MEMORY_TIMEOUT: Duration = Duration::from_secs(5);
/// Limit on the messages about refused requests, which clients cause as often as they want.
static ALL_IN_USE: LogLimit = LogLimit::new(Duration::from_secs(10));

/// Builds the problem of a request for which there is no permit. `what` names what is limited, in the plural.
pub(in crate::http) fn refusal(what: &str, error: Exhausted, retry_delay: Duration) -> Problem {
    match error {
        Exhausted::Key { limit } => Problem::new(Code::Busy)
            .detail(format!("the tenant has {limit} {what} in progress already; wait until one has ended")),
        Exhausted::All => {
            if let Some(suppressed) = ALL_IN_USE.admit() {
                tracing::warn!(suppressed, "all {what} are in use: further requests are refused");
            }
            Problem::new(Code::Unavailable).detail(format!("the server has too many {what} in progress"))
        }
    }
    .retry_after(retry_delay)
}

/// Builds the problem of a request beyond the number of requests in progress.
pub(in crate::http) fn too_many_requests(error: Exhausted) -> Problem {
    refusal("requests", error, RETRY_DELAY)
}

/// Reserves the memory of a response of a known size, until it has been sent to a client that may be slow.
///
/// # Errors
/// Returns an error if there is no memory in time.
pub(in crate::http) async fn reserve_response(
    limits: &Limits,
    tenant: &Uuid,
    bytes: Option<usize>,
) -> Result<Option<Permit>, Problem> {
    let Some(bytes) = bytes.filter(|bytes| *bytes > 0) else { return Ok(None) };
    let permit = limits.memory.reserve(tenant, bytes, MEMORY_TIMEOUT).await;
    permit.map(Some).map_err(|error| refusal("large responses", error, RETRY_DELAY))
}

/// Returns the size of a response in bytes; `None` if it is a stream.
pub(in crate::http) fn size(response: &Response) -> Option<usize> {
    response.body().size_hint().exact().and_then(|bytes| usize::try_from(bytes).ok())
}

/// Holds the permits of a request until its response has been sent. Streams of events have a limit of their own.
pub(in crate::http) fn hold_until_sent(response: Response, permits: impl Send + Sync + 'static) -> Response {
    if is_event_stream(response.headers()) {
        return response;
    }
    response.map(|body| {
        Body::new(body.map_frame(move |frame| {
            let _ = &permits;
            frame
        }))
    })
}

fn is_event_stream(headers: &HeaderMap) -> bool {
    let media_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    media_type.is_some_and(|media_type| media_type.starts_with("text/event-stream"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        http::testing::{ACME, QUEUED_RUN, Server},
        limits::Shares,
    };
    use axum::{http::Request, response::IntoResponse as _};
    use serde_json::json;
    use sqlx::PgPool;

    fn acme() -> Uuid {
        ACME.parse().unwrap()
    }

    /// A tenant with too many requests in progress is refused, and another tenant is served.
    #[sqlx::test(migrator = "crate::db::MIGRATOR")]
    async fn a_tenant_has_a_part_of_the_requests_in_progress(pool: PgPool) {
        let server = Server::start(&pool).await;
        let held: Vec<_> =
            std::iter::from_fn(|| server.limits().requests.try_acquire(&acme()).ok()).collect();
        let refused = server.get("acme", "viewer", "/v1/me").await;
        assert_eq!((refused.status, refused.body["code"].as_str()), (429, Some("busy")));
        assert!(refused.headers.contains_key("retry-after"));
        assert_eq!(server.get("globex", "viewer", "/v1/me").await.status, 200);
        drop(held);
        assert_eq!(server.get("acme", "viewer", "/v1/me").await.status, 200);
    }

    /// A request is in progress until its response has been sent.
    #[tokio::test]
    async fn a_response_that_is_being_sent_holds_its_permit() {
        let shares = Shares::new(2, 1);
        let permit = shares.try_acquire(&"acme").unwrap();
        let response = hold_until_sent("large".into_response(), permit);
        assert!(shares.try_acquire(&"acme").is_err());
        assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), "large");
        assert!(shares.try_acquire(&"acme").is_ok());
    }

    /// A response counts towards the memory of its tenant until its client has received it.
    #[sqlx::test(migrator = "crate::db::MIGRATOR")]
    async fn a_response_that_is_being_sent_holds_its_memory(pool: PgPool) {
        let server = Server::start(&pool).await;
        let available = || server.limits().memory.available(&acme());
        let all = available();
        let unread = server.open("acme", "viewer", Request::get("/v1/workflows")).await;
        assert!(available() < all);
        drop(unread);
        assert_eq!(available(), all);
    }

    /// A tenant that follows many logs is refused further ones, leaves streams to others, and its other requests are
    /// served.
    #[sqlx::test(migrator = "crate::db::MIGRATOR")]
    async fn a_tenant_has_a_part_of_the_streams(pool: PgPool) {
        let server = Server::start(&pool).await;
        let path = format!("/v1/workflow-runs/{QUEUED_RUN}/logs");
        let follow = || {
            let request = Request::get(&path).header("accept", "text/event-stream");
            server.open("acme", "viewer", request)
        };
        let mut streams = Vec::new();
        for _ in 0..16 {
            let stream = follow().await;
            assert_eq!(stream.status(), 200);
            streams.push(stream);
        }
        assert_eq!(follow().await.status(), 429);
        assert!(server.limits().streams.try_acquire(&Uuid::from_u128(7)).is_ok());
        assert_eq!(server.get("acme", "viewer", "/v1/me").await.status, 200);
        streams.pop();
        assert_eq!(follow().await.status(), 200);
    }

    /// Requests beyond the waits of a tenant are answered at once, without the header that confirms a wait.
    #[sqlx::test(migrator = "crate::db::MIGRATOR")]
    async fn a_wait_is_confirmed_only_if_it_took_place(pool: PgPool) {
        let server = Server::start(&pool).await;
        let path = format!("/v1/workflow-runs/{QUEUED_RUN}");
        let held: Vec<_> = std::iter::from_fn(|| server.limits().waiters.try_acquire(&acme()).ok()).collect();
        assert_eq!(held.len(), 16);
        let answer = server.get_with("acme", "viewer", &path, "prefer", "wait=50").await;
        assert_eq!((answer.status, answer.body["status"].as_str()), (200, Some("QUEUED")));
        assert!(!answer.headers.contains_key("preference-applied"));
        assert!(server.limits().waiters.try_acquire(&Uuid::from_u128(7)).is_ok());
        server.finish_queued_run().await;
        let answer = server.get_with("acme", "viewer", &path, "prefer", "wait=50").await;
        assert_eq!(answer.headers["preference-applied"], "wait=50", "the run has finished");
    }

    /// Twenty starts at once all succeed, and leave connections to other tenants.
    #[sqlx::test(migrator = "crate::db::MIGRATOR")]
    async fn many_starts_at_once_succeed(pool: PgPool) {
        let server = Server::start(&pool).await.with_usual_compute();
        let path = format!("/v1/workflows/{}/runs", crate::http::testing::WORKFLOW);
        let body = json!({"input": {"url": "https://acme.example"}});
        let starts = (0..40).map(|_| server.post("acme", "builder", &path, &body));
        let neighbour = server.get("globex", "viewer", "/v1/tenant");
        let (answers, neighbour) = tokio::join!(futures::future::join_all(starts), neighbour);
        for answer in answers {
            assert_eq!(answer.status, 202, "{}", answer.body);
        }
        assert_eq!(neighbour.status, 200);
    }
}
