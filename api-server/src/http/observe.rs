//! What is counted and logged of every request.

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

/// From a request that touches nothing to one that has preferred to wait for a run, in seconds.
const BUCKETS: [f64; 10] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.5, 2.5, 15.0, 60.0];

/// The metrics of requests; clones count together.
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
    /// Metrics that `/metrics` shows.
    #[must_use]
    pub fn registered(registry: &Registry) -> Self {
        let constructor: fn() -> Histogram = histogram;
        let durations = Family::new_with_constructor(constructor);
        registry.register("http", |registry| {
            registry.register("request_duration_seconds", "How long requests took", durations.clone());
        });
        Self { durations }
    }
}

fn histogram() -> Histogram {
    Histogram::new(BUCKETS)
}

/// Counts and logs the request.
pub(in crate::http) async fn observe(
    State(metrics): State<Metrics>,
    request: Request,
    next: Next,
) -> Response {
    let begun = Instant::now();
    let method = request.method().clone();
    // Paths that nobody serves are many, and would each be a time series.
    let route = request.extensions().get::<MatchedPath>().map_or("none", MatchedPath::as_str).to_owned();
    let response = next.run(request).await;
    let (status, took) = (response.status(), begun.elapsed());
    tracing::info!(
        http.route = route,
        http.status = status.as_u16(),
        duration_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
        "answered {method} {route}"
    );
    let labels = Labels { method: name(&method), route, status: class(status) };
    metrics.durations.get_or_create(&labels).observe(took.as_secs_f64());
    response
}

fn name(method: &Method) -> &'static str {
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

fn class(status: StatusCode) -> &'static str {
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

    /// Nobody can see that requests fail or are slow; or every id becomes a time series, and the metrics fill memory.
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
