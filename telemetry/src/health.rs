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

/// Serves the endpoints and never returns, so that probes are answered until the process ends. It is not ready any more once
/// `stop` is cancelled, while requests in progress are completed. To be started with
/// [`Tasks::spawn_until_end`](crate::tasks::Tasks::spawn_until_end).
///
/// # Errors
/// Returns an error if the address cannot be bound or the listener fails.
pub async fn serve(
    addr: SocketAddr,
    health: Health,
    registry: Registry,
    stop: CancellationToken,
) -> io::Result<()> {
    axum::serve(TcpListener::bind(addr).await?, router(health, registry, stop)).await
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
    use std::time::Duration;

    use axum::{body::Body, http::Request};
    use http_body_util::BodyExt as _;
    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        net::TcpStream,
    };
    use tower::ServiceExt as _;

    use super::*;
    use crate::tasks::Tasks;

    const DEADLINE: Duration = Duration::from_secs(20);

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

    /// Sends a request to a port; returns `None` if it cannot be reached.
    async fn request(address: SocketAddr, path: &str) -> Option<String> {
        let mut stream = TcpStream::connect(address).await.ok()?;
        let request = format!("GET {path} HTTP/1.1\r\nhost: smb\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.ok()?;
        let mut response = String::new();
        stream.read_to_string(&mut response).await.ok()?;
        Some(response)
    }

    /// Waits until the port answers, or until it is closed.
    async fn wait_for_port(address: SocketAddr, is_open: bool) {
        let changed = async {
            while request(address, "/livez").await.is_some() != is_open {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(DEADLINE, changed).await.expect("the port changes within the deadline");
    }

    /// A process that is shutting down is not ready, so that it receives no new requests, and its probes and metrics are served until
    /// its last task has ended.
    #[tokio::test]
    async fn probes_are_answered_until_the_process_ends() {
        // The port is free once the listener is dropped.
        let address = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        let (stop, finish) = (CancellationToken::new(), CancellationToken::new());
        let mut tasks = Tasks::new(stop.clone());
        let served = serve(address, Health::default(), Registry::default(), stop.clone());
        tasks.spawn_until_end("health", served);
        let request_in_progress = finish.clone();
        tasks.spawn("http", async move {
            request_in_progress.cancelled().await;
            Ok::<_, io::Error>(())
        });
        let process = tokio::spawn(tasks.run(DEADLINE));
        wait_for_port(address, true).await;
        assert!(request(address, "/readyz").await.unwrap().starts_with("HTTP/1.1 200"));
        stop.cancel();
        for _ in 0..3 {
            let ready = request(address, "/readyz").await.expect("the port is open while draining");
            assert!(ready.starts_with("HTTP/1.1 503") && ready.ends_with("draining\n"), "{ready}");
            assert!(request(address, "/livez").await.unwrap().starts_with("HTTP/1.1 200"));
            assert!(request(address, "/metrics").await.unwrap().starts_with("HTTP/1.1 200"));
        }
        finish.cancel();
        process.await.unwrap().unwrap();
        wait_for_port(address, false).await;
    }
}
