//! Qdrant on its own engine, one process for all tests of this program, and an embedding model in the process of the test.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    num::NonZeroUsize,
    process::{Child, Command, Stdio},
    sync::{
        Arc, LazyLock,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use axum::{Json, Router, extract::State, http::StatusCode, response::IntoResponse as _, routing::post};
use domain::vectors::{Collection, DENSE_VECTOR, SPARSE_VECTOR, model};
use embedder::openai::{Config, Limits, OpenAi, Prefixes};
use qdrant_client::{
    Qdrant,
    qdrant::{
        CreateCollection, Distance, Modifier, SparseVectorConfig, SparseVectorParams, StrictModeConfig,
        VectorParams, VectorParamsMap, VectorsConfig, vectors_config,
    },
};
use serde_json::{Value, json};

use super::Vectors;

/// API key of the server.
const KEY: &str = "key";
/// Shell script that runs the server, and kills it when its standard input is closed, which happens at the latest when the test program
/// ends.
const SHELL: &str = "exec 3<&0; python3 -m local_qdrant \"$@\" </dev/null & server=$!; \
                     { cat <&3; kill -9 $server; } >/dev/null & exec 3<&-; wait $server";

static SERVER: LazyLock<(String, Child)> = LazyLock::new(start);

/// Embedding model for tests. The vector of a text counts its letters, so that texts with the same letters have the same vector.
#[derive(Clone, Default)]
pub(crate) struct Model {
    is_down: Arc<AtomicBool>,
    is_refusing: Arc<AtomicBool>,
    requests: Arc<AtomicUsize>,
}

impl Model {
    /// Starts the model, and returns Qdrant with it.
    pub(crate) async fn vectors(&self) -> Vectors {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = Router::new().route("/v1/embeddings", post(answer)).with_state(self.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        let once = Limits { attempts: NonZeroUsize::MIN, ..Limits::default() };
        let config = Config {
            base_url: format!("http://{address}/v1").parse().unwrap(),
            api_key: None,
            model: "letters".to_owned(),
            dimensions: NonZeroUsize::new(384).unwrap(),
            request_dimensions: false,
            prefixes: Prefixes::default(),
            limits: once,
            query_limits: once,
        };
        Vectors::new(&SERVER.0, Some(KEY), Some(Arc::new(OpenAi::new(config).unwrap()))).unwrap()
    }

    /// Makes the model answer with an error of the server, or with vectors again.
    pub(crate) fn set_down(&self, is_down: bool) {
        self.is_down.store(is_down, Ordering::Relaxed);
    }

    /// Makes the model refuse all texts.
    pub(crate) fn refuse(&self) {
        self.is_refusing.store(true, Ordering::Relaxed);
    }

    /// Returns the number of requests.
    pub(crate) fn requests(&self) -> usize {
        self.requests.load(Ordering::Relaxed)
    }
}

async fn answer(State(model): State<Model>, Json(body): Json<Value>) -> axum::response::Response {
    model.requests.fetch_add(1, Ordering::Relaxed);
    if model.is_down.load(Ordering::Relaxed) {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    if model.is_refusing.load(Ordering::Relaxed) {
        return StatusCode::UNPROCESSABLE_ENTITY.into_response();
    }
    let texts = body["input"].as_array().unwrap().iter().enumerate();
    let data = texts.map(|(index, text)| {
        json!({"object": "embedding", "index": index, "embedding": letters(text.as_str().unwrap())})
    });
    Json(json!({"object": "list", "data": data.collect::<Vec<_>>()})).into_response()
}

fn letters(text: &str) -> Vec<f32> {
    let mut vector = vec![0.0; 384];
    for letter in text.to_lowercase().bytes().filter(u8::is_ascii_lowercase) {
        vector[usize::from(letter - b'a')] += 1.0;
    }
    // A vector of zeros has no cosine.
    vector[383] = 0.1;
    vector
}

/// Returns Qdrant without an embedding model.
pub(crate) fn without_model() -> Vectors {
    Vectors::new(&SERVER.0, Some(KEY), None).unwrap()
}

/// Returns a Qdrant that does not answer.
pub(crate) fn unavailable() -> Vectors {
    Vectors::new("http://127.0.0.1:1", None, None).unwrap()
}

/// Creates a collection that all tenants of a test share, and returns what the status of a tenant says about it.
pub(crate) async fn collection() -> Value {
    create_collection("Shared", None).await
}

/// Creates a collection for one tenant with a limit of its points, and returns what the status of the tenant says about it.
pub(crate) async fn dedicated_collection(max_points: u64) -> Value {
    let limits = StrictModeConfig {
        enabled: Some(true),
        max_points_count: Some(max_points),
        ..StrictModeConfig::default()
    };
    create_collection("Dedicated", Some(limits)).await
}

/// Creates a collection that no other test uses, as the operator does.
async fn create_collection(placement: &str, limits: Option<StrictModeConfig>) -> Value {
    let model = model("minilm").unwrap();
    let name = format!("test-{}", telemetry::ids::uuid_v7());
    let desired = Collection { name: name.clone(), ..Collection::shared(model, "tests") };
    let dense = VectorParams {
        size: desired.dense.dimensions,
        distance: Distance::Cosine.into(),
        ..VectorParams::default()
    };
    let dense = VectorParamsMap { map: [(DENSE_VECTOR.to_owned(), dense)].into() };
    let sparse = SparseVectorParams { modifier: Some(Modifier::Idf.into()), ..SparseVectorParams::default() };
    let create = CreateCollection {
        collection_name: name.clone(),
        vectors_config: Some(VectorsConfig { config: Some(vectors_config::Config::ParamsMap(dense)) }),
        sparse_vectors_config: Some(SparseVectorConfig { map: [(SPARSE_VECTOR.to_owned(), sparse)].into() }),
        strict_mode_config: limits,
        ..CreateCollection::default()
    };
    let client = Qdrant::from_url(&SERVER.0).api_key(KEY).skip_compatibility_check().build().unwrap();
    client.create_collection(create).await.unwrap();
    json!({"vectors": {"placement": placement, "model": model.name, "collection": name}})
}

#[expect(clippy::disallowed_methods, reason = "a test has no command line")]
fn start() -> (String, Child) {
    let path = std::env::var("SMBCOPILOT_TEST_QDRANT_PYTHONPATH").expect("cargo xtask test sets it");
    let folder = std::env::temp_dir().join(format!("smb-qdrant-{}", telemetry::ids::uuid_v7()));
    fs::create_dir_all(&folder).unwrap();
    let key = folder.join("key");
    fs::write(&key, KEY).unwrap();
    let mut child = Command::new("sh")
        .args(["-c", SHELL, "sh", "--listen", "127.0.0.1:0", "--data"])
        .arg(folder.join("data"))
        .arg("--api-key-file")
        .arg(key)
        .env("PYTHONPATH", path)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let port: u16 =
        line.split([' ', ',']).find_map(|word| word.parse().ok()).expect("the server prints its port");
    (format!("http://127.0.0.1:{port}"), child)
}
