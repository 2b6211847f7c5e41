//! `/livez`, `/readyz` and `/metrics`, on a port of their own.

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

/// What must hold before this process is ready; clones share it.
///
/// A condition is named when the process starts, and turns true when its part is up.
#[derive(Clone, Default)]
pub struct Health(Arc<Mutex<BTreeMap<&'static str, bool>>>);

impl Health {
    /// Names a condition that must hold before the process is ready.
    pub fn require(&self, condition: &'static str) {
        self.lock().entry(condition).or_insert(false);
    }

    /// Says whether a condition holds now.
    pub fn set(&self, condition: &'static str, holds: bool) {
        self.lock().insert(condition, holds);
    }

    /// The conditions that do not hold, in alphabetical order; empty when ready.
    #[must_use]
    pub fn missing(&self) -> Vec<&'static str> {
        self.lock().iter().filter(|(_, holds)| !**holds).map(|(name, _)| *name).collect()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<&'static str, bool>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Serves the endpoints until `stop` is cancelled. While it is being cancelled the process is not ready.
///
/// # Errors
/// The address cannot be bound, or the listener fails.
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
struct Probes {
    health: Health,
    registry: Registry,
    stop: CancellationToken,
}

fn router(health: Health, registry: Registry, stop: CancellationToken) -> Router {
    Router::new()
        .route("/livez", get(|| async { "ok\n" }))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics))
        .with_state(Probes { health, registry, stop })
}

async fn readyz(State(probes): State<Probes>) -> (StatusCode, String) {
    if probes.stop.is_cancelled() {
        return (StatusCode::SERVICE_UNAVAILABLE, "draining\n".to_owned());
    }
    match probes.health.missing().as_slice() {
        [] => (StatusCode::OK, "ok\n".to_owned()),
        missing => (StatusCode::SERVICE_UNAVAILABLE, format!("waiting for: {}\n", missing.join(", "))),
    }
}

async fn metrics(State(probes): State<Probes>) -> Response {
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

    /// A pod gets traffic before its parts are up, or no one can tell which part is missing.
    #[tokio::test]
    async fn ready_names_what_is_missing_and_turns_ready_when_all_hold() {
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

    /// A pod that is shutting down keeps getting requests.
    #[tokio::test]
    async fn a_draining_process_is_not_ready() {
        let stop = CancellationToken::new();
        stop.cancel();
        let router = router(Health::default(), Registry::default(), stop);
        assert_eq!(get(router, "/readyz").await.0, StatusCode::SERVICE_UNAVAILABLE);
    }
}
