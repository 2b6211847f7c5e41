//! HTTP server of `/livez`, `/readyz` and `/metrics`, on a separate port.

use std::{
    collections::BTreeMap,
    io,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
};

use axum::{
    Router,
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::Registry;

const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Conditions for the readiness of this process; clones share them.
///
/// A condition is registered when the process starts, and becomes true once its component is running.
#[derive(Clone, Default)]
pub struct Health(Arc<Mutex<BTreeMap<&'static str, bool>>>);

impl Health {
    /// Registers a condition that must be true before the process is ready.
    pub fn require(&self, condition: &'static str) {
        self.lock().entry(condition).or_insert(false);
    }

    /// Sets whether a condition is true.
    pub fn set(&self, condition: &'static str, is_met: bool) {
        self.lock().insert(condition, is_met);
    }

    /// Returns the conditions that are not true, in alphabetical order; empty if the process is ready.
    #[must_use]
    pub fn missing(&self) -> Vec<&'static str> {
        self.lock().iter().filter(|(_, is_met)| !**is_met).map(|(name, _)| *name).collect()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<&'static str, bool>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Serves the endpoints until `stop` is cancelled. The process is not ready while open requests are
/// completed.
///
/// # Errors
/// Returns an error if the address cannot be bound or the listener fails.
pub async fn serve(
    addr: SocketAddr,
    health: Health,
    registry: Registry,
    stop: CancellationToken,
) -> io::Result<()> {
    let listener = TcpListener::bind(addr).await?;
    axum::serve(listener, router(health, registry, stop.clone()))
        .with_graceful_shutdown(stop.cancelled_owned())
        .await
}

#[derive(Clone)]
struct ProbeState {
    health: Health,
    registry: Registry,
    stop: CancellationToken,
}

fn router(health: Health, registry: Registry, stop: CancellationToken) -> Router {
    Router::new()
        .route("/livez", get(|| async { "ok\n" }))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics))
        .with_state(ProbeState { health, registry, stop })
}

async fn readyz(State(probes): State<ProbeState>) -> (StatusCode, String) {
    if probes.stop.is_cancelled() {
        return (StatusCode::SERVICE_UNAVAILABLE, "draining\n".to_owned());
    }
    match probes.health.missing().as_slice() {
        [] => (StatusCode::OK, "ok\n".to_owned()),
        missing => (StatusCode::SERVICE_UNAVAILABLE, format!("waiting for: {}\n", missing.join(", "))),
    }
}

async fn metrics(State(probes): State<ProbeState>) -> Response {
    match probes.registry.encode() {
        Ok(text) => ([(header::CONTENT_TYPE, OPENMETRICS)], text).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")).into_response(),
    }
}

#[cfg(test)]
mod tests {
    use axum::{body::Body, http::Request};
    use http_body_util::BodyExt as _;
    use tower::ServiceExt as _;

    use super::*;

    async fn get(router: Router, path: &str) -> (StatusCode, String) {
        let response = router.oneshot(Request::get(path).body(Body::empty()).unwrap()).await.unwrap();
        let status = response.status();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        (status, String::from_utf8(body.to_vec()).unwrap())
    }

    /// `/readyz` lists the missing conditions, and succeeds once all are true.
    #[tokio::test]
    async fn readyz_lists_missing_conditions_until_all_are_true() {
        let health = Health::default();
        health.require("mirror");
        let router = || router(health.clone(), Registry::default(), CancellationToken::new());
        assert_eq!(
            get(router(), "/readyz").await,
            (StatusCode::SERVICE_UNAVAILABLE, "waiting for: mirror\n".into())
        );
        health.set("mirror", true);
        assert_eq!(get(router(), "/readyz").await.0, StatusCode::OK);
    }

    /// A process that is shutting down is not ready, so it receives no new requests.
    #[tokio::test]
    async fn a_draining_process_is_not_ready() {
        let stop = CancellationToken::new();
        stop.cancel();
        let router = router(Health::default(), Registry::default(), stop);
        assert_eq!(get(router, "/readyz").await.0, StatusCode::SERVICE_UNAVAILABLE);
    }
}
