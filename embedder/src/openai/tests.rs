//! Tests against an HTTP server in the same process.

use std::collections::VecDeque;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use axum::{Json, Router};
use serde_json::{Value, json};

use super::{ApiKey, Config, Limits, OpenAi, Prefixes};
use crate::{Embedder as _, Error, Purpose};

/// Server that answers with prepared responses first, and then with vectors whose first number is the length of the text.
#[derive(Clone, Default)]
struct Server {
    prepared: Arc<Mutex<VecDeque<Response>>>,
    requests: Arc<Mutex<Vec<(HeaderMap, Value)>>>,
}

impl Server {
    /// Starts the server, and returns a client of it.
    async fn start(&self, change: impl FnOnce(&mut Config)) -> OpenAi {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = Router::new().route("/v1/embeddings", post(answer)).with_state(self.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        let limits = Limits {
            batch_texts: NonZeroUsize::new(2).unwrap(),
            min_delay: Duration::from_millis(1),
            max_delay: Duration::from_secs(1),
            ..Limits::default()
        };
        let mut config = Config {
            base_url: format!("http://{address}/v1/").parse().unwrap(),
            api_key: Some(ApiKey::new("key".to_owned())),
            model: "model".to_owned(),
            dimensions: NonZeroUsize::new(2).unwrap(),
            request_dimensions: false,
            prefixes: Prefixes::default(),
            limits,
            query_limits: Limits { min_delay: limits.min_delay, ..Limits::for_queries() },
        };
        change(&mut config);
        OpenAi::new(config).unwrap()
    }

    fn prepare(&self, response: impl axum::response::IntoResponse) {
        self.prepared.lock().unwrap().push_back(response.into_response());
    }

    fn bodies(&self) -> Vec<Value> {
        self.requests.lock().unwrap().iter().map(|(_, body)| body.clone()).collect()
    }
}

async fn answer(State(server): State<Server>, headers: HeaderMap, Json(body): Json<Value>) -> Response {
    server.requests.lock().unwrap().push((headers, body.clone()));
    if let Some(response) = server.prepared.lock().unwrap().pop_front() {
        return response;
    }
    let texts = body["input"].as_array().unwrap();
    // In reverse order: the index decides.
    let data = texts.iter().enumerate().rev().map(|(index, text)| {
        json!({"object": "embedding", "index": index, "embedding": [text.as_str().unwrap().len(), 0.5]})
    });
    Json(json!({"object": "list", "data": data.collect::<Vec<_>>(), "usage": {"total_tokens": 1}}))
        .into_response()
}

fn data(vectors: &[(usize, Vec<f32>)]) -> Json<Value> {
    let data = vectors.iter().map(|(index, vector)| json!({"index": index, "embedding": vector}));
    Json(json!({"data": data.collect::<Vec<_>>()}))
}

/// Each text has its vector, in whichever order the server returns them, and no request has more texts than permitted.
#[tokio::test]
async fn vectors_have_the_order_of_the_texts() {
    let server = Server::default();
    let embedder = server.start(|_| ()).await;
    let texts = ["a", "bb", "ccc", "dddd", "eeeee"];
    let vectors = embedder.embed(Purpose::Document, &texts).await.unwrap();
    assert_eq!(vectors.iter().map(|vector| vector[0]).collect::<Vec<_>>(), [1.0, 2.0, 3.0, 4.0, 5.0]);
    let sizes: Vec<usize> =
        server.bodies().iter().map(|body| body["input"].as_array().unwrap().len()).collect();
    assert!(sizes.len() == 3 && sizes.iter().all(|size| *size <= 2), "{sizes:?}");
    assert_eq!(embedder.embed(Purpose::Document, &[]).await.unwrap(), Vec::<Vec<f32>>::new());
}

/// A request has the key, the model, the prefix for the purpose, and the dimensions only if the model can shorten its vectors.
#[tokio::test]
async fn a_request_has_the_configured_fields() {
    let server = Server::default();
    let prefixes = Prefixes { document: "passage: ".to_owned(), query: "query: ".to_owned() };
    let embedder =
        server.start(|config| (config.prefixes, config.request_dimensions) = (prefixes, true)).await;
    embedder.embed(Purpose::Document, &["x"]).await.unwrap();
    embedder.embed(Purpose::Query, &["x"]).await.unwrap();
    let expected =
        |text: &str| json!({"model": "model", "input": [text], "encoding_format": "float", "dimensions": 2});
    assert_eq!(server.bodies(), [expected("passage: x"), expected("query: x")]);
    assert_eq!(server.requests.lock().unwrap()[0].0["authorization"], "Bearer key");
    assert_eq!((embedder.model(), embedder.dimensions()), ("model", 2));
    assert!(!format!("{:?}", ApiKey::new("key".to_owned())).contains("key"));
}

/// A server that is busy or restarts is asked again.
#[tokio::test]
async fn requests_to_a_busy_server_are_repeated() {
    let server = Server::default();
    let embedder = server.start(|_| ()).await;
    server.prepare((StatusCode::SERVICE_UNAVAILABLE, "starting"));
    server.prepare((StatusCode::TOO_MANY_REQUESTS, [("retry-after", "0")], "slow down"));
    assert_eq!(embedder.embed(Purpose::Document, &["abc"]).await.unwrap()[0][0], 3.0);
    assert_eq!(server.bodies().len(), 3);
}

/// A server that stays unavailable is given up after the last attempt, or at once if it names a time that is too long.
#[tokio::test]
async fn attempts_are_bounded() {
    let server = Server::default();
    let embedder = server.start(|config| config.limits.attempts = NonZeroUsize::new(3).unwrap()).await;
    for _ in 0..3 {
        server.prepare(StatusCode::BAD_GATEWAY);
    }
    let error = embedder.embed(Purpose::Document, &["x"]).await.unwrap_err();
    assert!(error.is_transient() && !error.is_rejection(), "{error}");
    assert_eq!(server.bodies().len(), 3);

    server.prepare((StatusCode::TOO_MANY_REQUESTS, [("retry-after", "3600")]));
    let error = embedder.embed(Purpose::Document, &["x"]).await.unwrap_err();
    assert_eq!(error.retry_after(), Some(Duration::from_secs(3600)));
    assert_eq!(server.bodies().len(), 4);
}

/// A refusal of the texts is final; one of the key is no fault of the texts. Neither is repeated.
#[tokio::test]
async fn refusals_are_not_repeated() {
    for (status, is_rejection) in [
        (StatusCode::BAD_REQUEST, true),
        (StatusCode::PAYLOAD_TOO_LARGE, true),
        (StatusCode::UNPROCESSABLE_ENTITY, true),
        (StatusCode::UNAUTHORIZED, false),
        (StatusCode::NOT_FOUND, false),
        (StatusCode::TEMPORARY_REDIRECT, false),
    ] {
        let server = Server::default();
        let embedder = server.start(|_| ()).await;
        server.prepare((status, [("location", "/v1/embeddings")], "x".repeat(1_000_000)));
        let error = embedder.embed(Purpose::Document, &["x"]).await.unwrap_err();
        assert_eq!((error.is_rejection(), error.is_transient()), (is_rejection, false), "{error}");
        assert!(error.to_string().len() < 500);
        assert_eq!(server.bodies().len(), 1);
    }
}

/// A response that does not have one finite vector of the configured size for each text is an error, never a wrong vector.
#[tokio::test]
async fn responses_are_checked() {
    let vector = vec![0.5, 0.5];
    for response in [
        data(&[(0, vector.clone())]),
        data(&[(0, vector.clone()), (0, vector.clone())]),
        data(&[(0, vector.clone()), (2, vector.clone())]),
        data(&[(0, vector.clone()), (1, vec![0.5])]),
        data(&[(0, vector.clone()), (1, vec![])]),
        Json(json!({"data": [{"index": 0, "embedding": [0.5, 1e300]}, {"index": 1, "embedding": vector}]})),
        Json(json!({"data": [{"index": 0, "embedding": [0.5, null]}, {"index": 1, "embedding": vector}]})),
        Json(json!({"error": "none"})),
        data(&vec![(0, vector.clone()); 10_000]),
    ] {
        let server = Server::default();
        let embedder = server.start(|_| ()).await;
        server.prepare(response);
        let error = embedder.embed(Purpose::Document, &["x", "y"]).await.unwrap_err();
        assert!(!error.is_transient() && !error.is_rejection(), "{error}");
    }
}

/// A server that cannot be reached is a transient error, whose text has neither the URL nor the key.
#[tokio::test]
async fn an_unreachable_server_is_transient() {
    let server = Server::default();
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let embedder = server.start(|config| config.base_url = format!("http://{closed}").parse().unwrap()).await;
    let error = embedder.embed(Purpose::Query, &["x"]).await.unwrap_err();
    assert!(matches!(error, Error::Request { .. }) && error.is_transient());
    assert!(!error.to_string().contains(&closed.to_string()));
}

/// A query does not wait for a server that fails, and after some failures the server gets no requests.
#[tokio::test]
async fn a_query_does_not_wait_for_a_failing_server() {
    let server = Server::default();
    let embedder = server.start(|_| ()).await;
    for attempts in 1..=5 {
        server.prepare(StatusCode::INTERNAL_SERVER_ERROR);
        let error = embedder.embed(Purpose::Query, &["x"]).await.unwrap_err();
        assert!(matches!(error, Error::Unavailable { .. }), "{error}");
        assert_eq!(server.bodies().len(), attempts);
    }
    let error = embedder.embed(Purpose::Document, &["x"]).await.unwrap_err();
    assert!(matches!(error, Error::CircuitOpen { .. }) && error.is_transient(), "{error}");
    assert!(error.retry_after().is_some());
    assert_eq!(server.bodies().len(), 5);
}
