//! Metrics and the access log of requests.

use axum::{
    extract::{MatchedPath, Request, State},
    http::{Method, StatusCode},
    middleware::Next,
    response::Response,
};
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{family::Family, histogram::Histogram},
};
use telemetry::Registry;
use tokio::time::Instant;

/// Buckets in seconds: from a request that queries nothing to one that waits for a run.
const BUCKETS: [f64; 10] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.5, 2.5, 15.0, 60.0];

/// Metrics of requests. Clones share their values.
#[derive(Clone, Debug)]
pub struct Metrics {
    durations: Family<Labels, Histogram, fn() -> Histogram>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labels {
    method: &'static str,
    route: String,
    status: &'static str,
}

impl Metrics {
    /// Builds the metrics and registers them for `/metrics`.
    #[must_use]
    pub fn registered(registry: &Registry) -> Self {
        let constructor: fn() -> Histogram = histogram;
        let durations = Family::new_with_constructor(constructor);
        registry.register("http", |registry| {
            registry.register(
                "request_duration_seconds",
                "Duration of HTTP requests, from the first byte read to the response headers",
                durations.clone(),
            );
        });
        Self { durations }
    }
}

fn histogram() -> Histogram {
    Histogram::new(BUCKETS)
}

/// Records the duration of the request and writes its line of the access log.
pub(in crate::http) async fn record(
    State(metrics): State<Metrics>,
    request: Request,
    next: Next,
) -> Response {
    let started = Instant::now();
    let method = request.method().clone();
    // Requests for unknown paths share one label: each path would be a time series of its own.
    let route = request.extensions().get::<MatchedPath>().map_or("none", MatchedPath::as_str).to_owned();
    let response = next.run(request).await;
    let (status, duration) = (response.status(), started.elapsed());
    tracing::info!(
        http.route = route,
        http.status = status.as_u16(),
        duration_ms = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX),
        "answered {method} {route}"
    );
    if telemetry::trace::is_exporting() {
        describe_span(&method, &route, status);
    }
    let labels = Labels { method: method_label(&method), route, status: status_class(status) };
    metrics.durations.get_or_create(&labels).observe(duration.as_secs_f64());
    response
}

/// Names the span of the request by its route.
fn describe_span(method: &Method, route: &str, status: StatusCode) {
    let span = tracing::Span::current();
    span.record("otel.name", format!("{} {route}", method_label(method)));
    span.record("http.response.status_code", status.as_u16());
    if status.is_server_error() {
        span.record("otel.status_code", "ERROR");
    }
}

fn method_label(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        _ => "other",
    }
}

fn status_class(status: StatusCode) -> &'static str {
    match status.as_u16() {
        ..200 => "1xx",
        200..300 => "2xx",
        300..400 => "3xx",
        400..500 => "4xx",
        500.. => "5xx",
    }
}

#[cfg(test)]
mod tests {
    use axum::{body::Body, http::Request};
    use serde_json::json;
    use sqlx::PgPool;

    use crate::http::testing::Server;

    /// No label has text of a client: neither a method, a path, a query, a header, a name nor a GraphQL operation.
    #[sqlx::test(migrator = "crate::db::MIGRATOR")]
    async fn no_label_has_text_of_a_client(pool: PgPool) {
        const TEXT: &str = "HOSTILE";
        let server = Server::start(&pool).await;
        for path in
            [format!("/v1/workflows/{TEXT}"), format!("/{TEXT}"), format!("/v1/workflow-runs?status={TEXT}")]
        {
            server.get_with("acme", "viewer", &path, "x-request-id", TEXT).await;
        }
        let unknown_method = Request::builder().method(TEXT).uri("/v1/me").body(Body::empty()).unwrap();
        server.send(unknown_method).await;
        let document = format!("query {TEXT} {{ {TEXT}: viewer {{ email }} }}");
        server.graphql("viewer", &document, json!({TEXT: TEXT})).await;
        let workflow = json!({"name": TEXT.to_lowercase(), "definition": {"steps": [{"name": TEXT, "expr": {"value": TEXT}}]}});
        server.post("acme", "builder", "/v1/workflows", &workflow).await;
        let metrics = server.registry.encode().unwrap();
        assert!(metrics.contains("method=\"other\""), "{metrics}");
        assert!(!metrics.to_uppercase().contains(TEXT), "{metrics}");
    }

    /// Failing and slow requests are visible per route, and the number of time series does not grow with ids.
    #[sqlx::test(migrator = "crate::db::MIGRATOR")]
    async fn requests_are_counted_by_route(pool: PgPool) {
        let server = Server::start(&pool).await;
        for id in ["one", "two"] {
            server.get("acme", "viewer", &format!("/v1/workflows/{id}")).await;
            server.get("acme", "viewer", &format!("/nowhere/{id}")).await;
        }
        let text = server.registry.encode().unwrap();
        for route in ["/v1/workflows/{id}", "none"] {
            let line = format!(
                "smb_http_request_duration_seconds_count{{method=\"GET\",route=\"{route}\",status=\"4xx\"}} 2"
            );
            assert!(text.contains(&line), "{text}");
        }
    }
}
