//! The `traceparent` header (W3C Trace Context): a request continues the trace of its client, or begins one. The response names it,
//! and each log line of the request has the ID of the trace.

use axum::{
    extract::Request,
    http::{HeaderName, HeaderValue},
    middleware::Next,
    response::Response,
};
use telemetry::trace::TraceContext;

/// Name of the header, in requests and in responses.
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// Context that the client has sent: that of the span above the request.
#[derive(Clone, Copy)]
pub(in crate::http) struct ParentContext(pub(in crate::http) TraceContext);

/// Adds the context of the request's own span to its extensions, and to the response.
pub(in crate::http) async fn propagate(mut request: Request, next: Next) -> Response {
    let received = request.headers().get(TRACEPARENT).and_then(|value| value.to_str().ok());
    let received = received.and_then(TraceContext::parse);
    let context = received.map_or_else(TraceContext::begin, TraceContext::continue_from);
    if let Some(received) = received {
        request.extensions_mut().insert(ParentContext(received));
    }
    request.extensions_mut().insert(context);
    let mut response = next.run(request).await;
    if let Ok(value) = HeaderValue::try_from(context.to_string()) {
        response.headers_mut().insert(TRACEPARENT, value);
    }
    response
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use sqlx::PgPool;

    use crate::http::testing::{Collector, QUEUED_RUN, Server};

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

    /// The run that a request starts continues the trace of the request, whatever its client has sent.
    #[sqlx::test(migrator = "crate::db::MIGRATOR")]
    async fn a_run_continues_the_trace_of_its_request(pool: PgPool) {
        let server = Server::start(&pool).await;
        for received in [format!("00-{TRACE}-00f067aa0ba902b7-01"), "hostile".to_owned()] {
            let answer = server.start_run_with("traceparent", &received).await;
            assert_eq!(answer.status, 202, "{}", answer.body);
            let run = server.kubernetes.run(answer.body["id"].as_str().unwrap());
            let annotation = &run["metadata"]["annotations"]["smbcopilot.dev/traceparent"];
            assert_eq!(annotation, answer.headers["traceparent"].to_str().unwrap());
        }
    }

    /// A request, its SQL statements and its requests to Kubernetes are one trace below the span of the client, and their names contain
    /// nothing that a tenant has chosen.
    #[sqlx::test(migrator = "crate::db::MIGRATOR")]
    async fn a_request_its_statements_and_its_requests_to_kubernetes_are_one_trace(pool: PgPool) {
        let server = Server::start(&pool).await;
        let collector = Collector::start().await;
        let subscriber = telemetry::logs::only_spans(&collector.options(), "api-server").unwrap();
        let exporting = tracing::subscriber::set_default(subscriber);
        let answer = server.start_run_with("traceparent", &format!("00-{TRACE}-00f067aa0ba902b7-01")).await;
        assert_eq!(answer.status, 202, "{}", answer.body);
        drop(exporting);
        telemetry::trace::shutdown().await;

        let spans = collector.spans();
        let named = |name: &'static str| spans.iter().filter(move |span| span.name == name);
        let request = named("POST /v1/workflows/{id}/runs").next().unwrap();
        assert_eq!(hex::encode(&request.parent_span_id), "00f067aa0ba902b7");
        let own_context = answer.headers["traceparent"].to_str().unwrap();
        assert!(own_context.contains(&hex::encode(&request.span_id)), "{own_context}");
        for name in ["select workflows", "insert workflow_runs", "create the run"] {
            assert!(named(name).next().is_some(), "no span {name} in {spans:#?}");
        }
        for span in &spans {
            assert_eq!(hex::encode(&span.trace_id), TRACE, "{span:#?}");
            let has_parent = spans.iter().any(|other| other.span_id == span.parent_span_id);
            assert!(has_parent || span == request, "{span:#?}");
            assert!(!["acme", "invoice"].iter().any(|text| span.name.contains(text)), "{}", span.name);
        }
    }
}
