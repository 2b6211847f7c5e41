//! An api-server's internal port in memory, over real HTTP, and what the runner makes of it.

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

use super::{ApiServer, FetchError, StoreError};

/// What it holds, and how it is disposed.
#[derive(Clone, Default)]
pub(crate) struct Internal(Arc<Mutex<Held>>);

#[derive(Default)]
pub(crate) struct Held {
    /// By URI.
    pub(crate) outputs: BTreeMap<String, Bytes>,
    pub(crate) lines: Vec<LogLine>,
    /// How many of the next requests it refuses as one that is away.
    pub(crate) away: usize,
    /// Whether it has object storage.
    pub(crate) has_no_storage: bool,
    /// Whether a pod holds the run; lines of one that does not are refused.
    pub(crate) holds: Option<Box<dyn Fn() -> bool + Send>>,
}

impl Internal {
    pub(crate) fn held(&self) -> MutexGuard<'_, Held> {
        self.0.lock().unwrap()
    }

    /// Starts it; the runner's end of it.
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

    fn refuse(&self, headers: &HeaderMap) -> Option<Response> {
        if headers.get("authorization").is_none_or(|value| value != "Bearer t0ken") {
            return Some(refusal(StatusCode::UNAUTHORIZED, "invalid_token"));
        }
        let mut held = self.held();
        let away = held.away > 0;
        held.away = held.away.saturating_sub(1);
        away.then(|| refusal(StatusCode::SERVICE_UNAVAILABLE, "unavailable"))
    }
}

fn token() -> PathBuf {
    let path = std::env::temp_dir().join(format!("smb-token-{}", std::process::id()));
    std::fs::write(&path, "t0ken\n").unwrap();
    path
}

fn refusal(status: StatusCode, code: &str) -> Response {
    (status, Json(json!({"code": code, "detail": "as the test wants it"}))).into_response()
}

async fn store(
    State(internal): State<Internal>,
    Path((uid, sha256)): Path<(String, String)>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    if let Some(refused) = internal.refuse(&headers) {
        return refused;
    }
    if internal.held().has_no_storage {
        return refusal(StatusCode::NOT_IMPLEMENTED, "no_object_storage");
    }
    let uri = format!("memory://{uid}/{sha256}");
    let bytes = body.len();
    internal.held().outputs.insert(uri.clone(), body);
    let stored = json!({"uri": uri, "bytes": bytes, "sha256": sha256, "mediaType": "application/json"});
    (StatusCode::CREATED, Json(stored)).into_response()
}

async fn read(
    State(internal): State<Internal>,
    Query(query): Query<BTreeMap<String, String>>,
    headers: HeaderMap,
) -> Response {
    if let Some(refused) = internal.refuse(&headers) {
        return refused;
    }
    match internal.held().outputs.get(&query["uri"]) {
        Some(bytes) => bytes.clone().into_response(),
        None => refusal(StatusCode::NOT_FOUND, "not_found"),
    }
}

async fn log(State(internal): State<Internal>, headers: HeaderMap, Json(batch): Json<LogBatch>) -> Response {
    if let Some(refused) = internal.refuse(&headers) {
        return refused;
    }
    let mut held = internal.held();
    if held.holds.as_ref().is_some_and(|holds| !holds()) {
        return refusal(StatusCode::FORBIDDEN, "not_the_holder");
    }
    held.lines.extend(batch.lines);
    StatusCode::NO_CONTENT.into_response()
}

/// An output is lost when the api-server restarts, or another value is taken for it.
#[tokio::test]
async fn a_value_is_stored_and_read_although_the_api_server_is_away_for_a_moment() {
    let internal = Internal::default();
    let api = internal.serve().await;
    let value: Value = json!({"rows": vec!["grüße"; 10_000]});
    internal.held().away = 2;
    let reference = api.store("run-7", &value).await.unwrap();
    assert_eq!(reference.bytes, u64::try_from(value.to_string().len()).unwrap());
    internal.held().away = 2;
    assert_eq!(api.fetch("run-7", &reference).await.unwrap(), value);

    *internal.held().outputs.get_mut(&reference.uri).unwrap() = Bytes::from_static(b"{}");
    assert!(matches!(api.fetch("run-7", &reference).await, Err(FetchError::Changed { .. })));
    internal.held().outputs.clear();
    assert!(matches!(api.fetch("run-7", &reference).await, Err(FetchError::Gone { .. })));
}

/// A step waits a minute for what is not there.
#[tokio::test]
async fn without_object_storage_it_is_said_at_once() {
    let internal = Internal::default();
    internal.held().has_no_storage = true;
    let api = internal.serve().await;
    assert!(matches!(api.store("run-7", &json!([])).await, Err(StoreError::NoStorage { bytes: 2 })));
}
