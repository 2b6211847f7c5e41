//! The `traceparent` header (W3C Trace Context): a request continues the trace of its client, or begins one. The response names it,
//! and each log line of the request has the ID of the trace.

use std::fmt;

use axum::{
    extract::Request,
    http::{HeaderName, HeaderValue},
    middleware::Next,
    response::Response,
};
use telemetry::ids;

/// Name of the header, in requests and in responses.
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// Adds the context of the request's own span to its extensions, and to the response.
pub(in crate::http) async fn propagate(mut request: Request, next: Next) -> Response {
    let received = request.headers().get(TRACEPARENT).and_then(|value| value.to_str().ok());
    let context =
        received.and_then(TraceContext::parse).map_or_else(TraceContext::begin, TraceContext::child);
    request.extensions_mut().insert(context);
    let mut response = next.run(request).await;
    if let Ok(value) = HeaderValue::try_from(context.to_string()) {
        response.headers_mut().insert(TRACEPARENT, value);
    }
    response
}

/// Length of `traceparent` in its only version, `00-TRACE-SPAN-FLAGS`.
const LENGTH: usize = 55;
/// Flag of a trace that is recorded.
const SAMPLED: u8 = 1;

/// Position in a trace: `traceparent` of <https://www.w3.org/TR/trace-context/>.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::http) struct TraceContext {
    trace: u128,
    span: u64,
    flags: u8,
}

impl TraceContext {
    /// Begins a trace, which is recorded.
    pub(in crate::http) fn begin() -> Self {
        Self { trace: ids::uuid_v7().as_u128(), span: random_span(), flags: SAMPLED }
    }

    /// Reads a header; `None` if it is not valid. Of later versions, the part that this one knows is read, as the specification
    /// requires.
    pub(in crate::http) fn parse(traceparent: &str) -> Option<Self> {
        let known = traceparent.get(..LENGTH)?;
        let following = traceparent.get(LENGTH..)?;
        let mut parts = known.split('-');
        let version = hex(parts.next()?, 2)?;
        let trace = hex(parts.next()?, 32)?;
        let span = u64::try_from(hex(parts.next()?, 16)?).ok()?;
        let flags = u8::try_from(hex(parts.next()?, 2)?).ok()?;
        let has_known_form = match version {
            0 => following.is_empty(),
            0xff => false,
            _ => following.is_empty() || following.starts_with('-'),
        };
        (has_known_form && trace != 0 && span != 0).then_some(Self { trace, span, flags: flags & SAMPLED })
    }

    /// Returns the context of a new span below this one.
    pub(in crate::http) fn child(self) -> Self {
        Self { span: random_span(), ..self }
    }

    /// Returns the ID of the trace, as 32 hex digits.
    pub(in crate::http) fn trace_id(self) -> String {
        format!("{:032x}", self.trace)
    }

    /// Returns the ID of the span, as 16 hex digits.
    pub(in crate::http) fn span_id(self) -> String {
        format!("{:016x}", self.span)
    }
}

/// Writes the value of the header.
impl fmt::Display for TraceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { trace, span, flags } = self;
        write!(f, "00-{trace:032x}-{span:016x}-{flags:02x}")
    }
}

/// Returns the random part of a UUID. It is not zero, because it has the variant.
fn random_span() -> u64 {
    ids::uuid_v7().as_u64_pair().1
}

/// Reads lower-case hex digits of an exact number.
fn hex(digits: &str, length: usize) -> Option<u128> {
    let is_digit = |digit: u8| digit.is_ascii_digit() || (b'a'..=b'f').contains(&digit);
    let is_valid = digits.len() == length && digits.bytes().all(is_digit);
    if is_valid { u128::from_str_radix(digits, 16).ok() } else { None }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use sqlx::PgPool;

    use super::*;
    use crate::http::testing::{QUEUED_RUN, Server};

    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

    /// A request continues the trace of its client, also if it fails; without one, it begins a trace.
    #[sqlx::test(migrator = "crate::db::MIGRATOR")]
    async fn a_request_continues_the_trace_of_its_client(pool: PgPool) {
        let server = Server::start(&pool).await;
        let received = format!("00-{TRACE}-00f067aa0ba902b7-01");
        for path in ["/v1/me", "/v1/nowhere"] {
            let answer = server.get_with("acme", "viewer", path, "traceparent", &received).await;
            let sent = answer.headers["traceparent"].to_str().unwrap();
            assert!(sent.starts_with(&format!("00-{TRACE}-")) && sent != received, "{sent}");
        }
        for received in ["", "00-x-y-z"] {
            let answer = server.get_with("acme", "viewer", "/v1/me", "traceparent", received).await;
            let sent = answer.headers["traceparent"].to_str().unwrap();
            assert!(sent.len() == 55 && !sent.contains(TRACE), "{sent}");
        }
    }

    /// The audit event of a request has the trace that the response names.
    #[sqlx::test(migrator = "crate::db::MIGRATOR")]
    async fn an_audit_event_has_the_trace_of_its_request(pool: PgPool) {
        let server = Server::start(&pool).await;
        let path = format!("/v1/workflow-runs/{QUEUED_RUN}/cancellation");
        let answer = server.put("acme", "operator", &path, &json!({"mode": "NOW"})).await;
        let events = server.get("acme", "auditor", "/v1/audit-events").await;
        assert_eq!(
            events.body["data"][0]["request"]["traceparent"],
            answer.headers["traceparent"].to_str().unwrap()
        );
    }

    const VALID: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    /// A valid header keeps its trace, and each span below it has an ID of its own.
    #[test]
    fn a_trace_is_continued() {
        let context = TraceContext::parse(VALID).unwrap();
        assert_eq!(context.to_string(), VALID);
        let child = context.child();
        assert_eq!(child.trace_id(), "4bf92f3577b34da6a3ce929d0e0e4736");
        assert_ne!(child.span_id(), "00f067aa0ba902b7");
        assert_eq!(TraceContext::parse(&child.to_string()), Some(child));
        let later = format!("01{}-what-follows", VALID.trim_start_matches("00"));
        assert_eq!(TraceContext::parse(&later), Some(context));
    }

    /// A header that is not valid begins no trace, so that none is forged into the logs.
    #[test]
    fn headers_that_are_not_valid_are_refused() {
        for header in [
            "",
            "00",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-x",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01x",
            "00-4bf92f3577b34da6a3ce929d0e0e473ö-00f067aa0ba902b7-01",
        ] {
            assert_eq!(TraceContext::parse(header), None, "{header}");
        }
    }
}
