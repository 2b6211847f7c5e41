//! In-memory implementation of the api-server's internal port over real HTTP, and tests of the client against it.

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard},
};

use axum::{
    Json, Router,
    body::Bytes,
    extract::{Path, Query, State},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
    routing::{get, post, put},
};
use protocol::internal::{LogBatch, LogLine};
use serde_json::{Value, json};

use crate::api::{
    client::ApiServer,
    errors::{FetchError, StoreError},
};

/// Server for tests. Clones share their state.
#[derive(Clone, Default)]
pub(crate) struct TestApiServer(Arc<Mutex<ServerState>>);

/// Stored data and configured failures of the server.
#[derive(Default)]
pub(crate) struct ServerState {
    /// Stored values by URI.
    pub(crate) outputs: BTreeMap<String, Bytes>,
    pub(crate) lines: Vec<LogLine>,
    /// Number of next requests that are refused as unavailable.
    pub(crate) unavailable_requests: usize,
    /// Refuses to store values, as if no object storage were configured.
    pub(crate) has_no_storage: bool,
    /// Returns whether the run is assigned to the pod. Log lines of other pods are refused.
    pub(crate) is_assigned: Option<Box<dyn Fn() -> bool + Send>>,
}

impl TestApiServer {
    pub(crate) fn state(&self) -> MutexGuard<'_, ServerState> {
        self.0.lock().unwrap()
    }

    /// Starts the server and returns a client for it.
    pub(crate) async fn serve(&self) -> ApiServer {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let router = Router::new()
            .route("/internal/v1/runs/{uid}/outputs/{sha256}", put(store))
            .route("/internal/v1/runs/{uid}/outputs", get(read))
            .route("/internal/v1/runs/{uid}/logs", post(log))
            .with_state(self.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
        tokio::spawn(async { axum::serve(listener, router).await });
        ApiServer::new(base, token()).unwrap()
    }

    /// Returns the refusal of an unauthenticated request, or of one that is configured to fail.
    fn refuse(&self, headers: &HeaderMap) -> Option<Response> {
        if headers.get("authorization").is_none_or(|value| value != "Bearer t0ken") {
            return Some(refusal(StatusCode::UNAUTHORIZED, "invalid_token"));
        }
        let mut state = self.state();
        let is_unavailable = state.unavailable_requests > 0;
        state.unavailable_requests = state.unavailable_requests.saturating_sub(1);
        is_unavailable.then(|| refusal(StatusCode::SERVICE_UNAVAILABLE, "unavailable"))
    }
}

/// Writes a token file and returns its path.
fn token() -> PathBuf {
    let path = std::env::temp_dir().join(format!("smb-token-{}", std::process::id()));
    std::fs::write(&path, "t0ken\n").unwrap();
    path
}

fn refusal(status: StatusCode, code: &str) -> Response {
    (status, Json(json!({"code": code, "detail": "configured by the test"}))).into_response()
}

async fn store(
    State(server): State<TestApiServer>,
    Path((uid, sha256)): Path<(String, String)>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    if let Some(refused) = server.refuse(&headers) {
        return refused;
    }
    if server.state().has_no_storage {
        return refusal(StatusCode::NOT_IMPLEMENTED, "no_object_storage");
    }
    let uri = format!("memory://{uid}/{sha256}");
    let bytes = body.len();
    server.state().outputs.insert(uri.clone(), body);
    let stored = json!({"uri": uri, "bytes": bytes, "sha256": sha256, "mediaType": "application/json"});
    (StatusCode::CREATED, Json(stored)).into_response()
}

async fn read(
    State(server): State<TestApiServer>,
    Query(query): Query<BTreeMap<String, String>>,
    headers: HeaderMap,
) -> Response {
    if let Some(refused) = server.refuse(&headers) {
        return refused;
    }
    match server.state().outputs.get(&query["uri"]) {
        Some(bytes) => bytes.clone().into_response(),
        None => refusal(StatusCode::NOT_FOUND, "not_found"),
    }
}

async fn log(
    State(server): State<TestApiServer>,
    headers: HeaderMap,
    Json(batch): Json<LogBatch>,
) -> Response {
    if let Some(refused) = server.refuse(&headers) {
        return refused;
    }
    let mut state = server.state();
    if state.is_assigned.as_ref().is_some_and(|is_assigned| !is_assigned()) {
        return refusal(StatusCode::FORBIDDEN, "not_the_holder");
    }
    state.lines.extend(batch.lines);
    StatusCode::NO_CONTENT.into_response()
}

/// Values are stored and read despite a restart of the api-server, and a changed or missing value is reported.
#[tokio::test]
async fn values_are_stored_and_read_while_the_api_server_restarts() {
    let server = TestApiServer::default();
    let api = server.serve().await;
    let value: Value = json!({"rows": vec!["grüße"; 10_000]});
    server.state().unavailable_requests = 2;
    let reference = api.store("run-7", &value).await.unwrap();
    assert_eq!(reference.bytes, u64::try_from(value.to_string().len()).unwrap());
    server.state().unavailable_requests = 2;
    assert_eq!(api.fetch("run-7", &reference).await.unwrap(), value);

    *server.state().outputs.get_mut(&reference.uri).unwrap() = Bytes::from_static(b"{}");
    assert!(matches!(api.fetch("run-7", &reference).await, Err(FetchError::Changed { .. })));
    server.state().outputs.clear();
    assert!(matches!(api.fetch("run-7", &reference).await, Err(FetchError::Gone { .. })));
}

/// Without object storage, storing a value fails at once instead of being retried for a minute.
#[tokio::test]
async fn missing_object_storage_is_reported_without_retries() {
    let server = TestApiServer::default();
    server.state().has_no_storage = true;
    let api = server.serve().await;
    assert!(matches!(api.store("run-7", &json!([])).await, Err(StoreError::NoStorage { bytes: 2 })));
}
