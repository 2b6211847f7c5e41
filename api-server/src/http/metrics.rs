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
    let labels = Labels { method: method_label(&method), route, status: status_class(status) };
    metrics.durations.get_or_create(&labels).observe(duration.as_secs_f64());
    response
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
    use sqlx::PgPool;

    use crate::http::testing::Server;

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
