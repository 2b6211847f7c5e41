//! The router of the api-server on a port, with a database and an issuer of tokens of its own. It writes to Kubernetes as the service
//! account of the api-server.

mod issuer;

use std::{fs, path::PathBuf, sync::Arc};

use api_server::{
    app::App,
    auth::{Runners, Verifier},
    db::{AppPool, MirrorPool},
    http::{self, HttpState},
    objects::{Credentials, Objects},
    store::CursorKey,
};
use reqwest::{
    Client, Method, RequestBuilder,
    header::{HeaderMap, HeaderName},
};
use serde_json::Value;
use sqlx::PgPool;
use telemetry::Registry;
use tokio::net::TcpListener;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

pub use self::issuer::TestIssuer;
use crate::{
    api::ApiResponse,
    chaos_proxy::ChaosProxy,
    cluster::{client_as, client_behind_proxy_as, unique, unreachable_client},
    database::TestDatabase,
};

/// User name of the api-server's service account.
pub const ACCOUNT: &str = "system:serviceaccount:smb-copilot:smb-copilot-api-server";
/// Groups of the api-server's service account.
pub const GROUPS: [&str; 2] = ["system:serviceaccounts", "system:authenticated"];

/// Proxies between a router and its dependencies.
pub struct Proxies {
    /// Proxy to the database.
    pub postgres: ChaosProxy,
    /// Proxy to the Kubernetes API.
    pub kubernetes: ChaosProxy,
}

/// The router of the api-server, which listens on a free port until the runtime of the test ends.
pub struct ApiRouter {
    /// Pool that can read every row.
    pub owner: PgPool,
    /// Pool with which a test mirrors objects.
    pub mirror: MirrorPool,
    /// Pool of the router.
    pub db: AppPool,
    /// Verifier of the router, with its caches.
    pub verifier: Arc<Verifier>,
    /// Issuer of the tokens that the router accepts.
    pub issuer: TestIssuer,
    url: String,
    /// Object storage of the router.
    _objects: Folder,
}

/// Temporary folder, which is deleted when it is dropped.
struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        // A folder that nothing was written to may not exist.
        let _ = fs::remove_dir_all(&self.0);
    }
}

impl ApiRouter {
    /// Creates the database and starts the router.
    ///
    /// # Errors
    /// Returns an error if the tests were not started by `cargo xtask test`.
    pub async fn start() -> anyhow::Result<Self> {
        let kube = client_as(ACCOUNT, &GROUPS).await?;
        Self::start_with(TestDatabase::create(&unique("api")).await?, kube).await
    }

    /// Creates the database and starts the router, which connects to its dependencies through proxies.
    ///
    /// # Errors
    /// Returns an error if the tests were not started by `cargo xtask test`.
    pub async fn start_behind_proxies() -> anyhow::Result<(Self, Proxies)> {
        let database = TestDatabase::create(&unique("api")).await?;
        let postgres = ChaosProxy::start(database.address()?).await?;
        let (kubernetes, kube) = client_behind_proxy_as(ACCOUNT, &GROUPS).await?;
        let router = Self::start_with(database.behind(postgres.address())?, kube).await?;
        Ok((router, Proxies { postgres, kubernetes }))
    }

    /// Creates the database and starts the router, for requests that need no Kubernetes.
    ///
    /// # Errors
    /// Returns an error if there is no server in `DATABASE_URL`.
    pub async fn start_without_kubernetes() -> anyhow::Result<Self> {
        Self::start_with(TestDatabase::create(&unique("api")).await?, unreachable_client()?).await
    }

    async fn start_with(database: TestDatabase, kube: kube::Client) -> anyhow::Result<Self> {
        let TestDatabase { urls, owner, .. } = database;
        let issuer = TestIssuer::start().await?;
        let mirror = MirrorPool::connect(&urls).await?;
        let (db, verifier) = (AppPool::connect(&urls).await?, Arc::new(issuer.verifier()?));
        let objects = Folder(std::env::temp_dir().join(unique("objects")));
        let state = HttpState {
            trusted_documents: None,
            runners: Arc::new(Runners::new(kube.clone(), db.clone())),
            login: None,
            verifier: verifier.clone(),
            metrics: http::Metrics::registered(&Registry::default()),
            app: App {
                objects: Some(Objects::open(
                    format!("file://{}", objects.0.display()).parse()?,
                    Credentials::default(),
                )?),
                searcher: None,
                mailer: None,
                db: db.clone(),
                mirror: mirror.clone(),
                kube,
                cursors: CursorKey::new("a key of the tests")?,
                compute: compute::Pool::new(compute::Limits::default(), &Registry::default()),
                limits: Arc::default(),
                shutdown: CancellationToken::new(),
                writes: TaskTracker::new(),
            },
        };
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}", listener.local_addr()?);
        let router = http::router(state)?;
        tokio::spawn(async move { axum::serve(listener, router).await });
        Ok(Self { owner, mirror, db, verifier, issuer, url, _objects: objects })
    }

    /// Returns the base URL of the API.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Sends a request with a token. A content type among the headers replaces that of JSON.
    ///
    /// # Errors
    /// Returns an error if there is no response.
    pub async fn send(
        &self,
        token: &str,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: &Value,
    ) -> anyhow::Result<ApiResponse> {
        let mut request = Client::new().request(method, format!("{}{path}", self.url)).json(body);
        for (name, value) in headers {
            let name: HeaderName = name.parse()?;
            request = request.headers(HeaderMap::from_iter([(name, value.parse()?)]));
        }
        receive(request.bearer_auth(token)).await
    }

    /// Uploads bytes with a token.
    ///
    /// # Errors
    /// Returns an error if there is no response.
    pub async fn upload(
        &self,
        token: &str,
        path: &str,
        media_type: &str,
        bytes: Vec<u8>,
    ) -> anyhow::Result<ApiResponse> {
        let request = Client::new().put(format!("{}{path}", self.url)).header("content-type", media_type);
        receive(request.bearer_auth(token).body(bytes)).await
    }
}

async fn receive(request: RequestBuilder) -> anyhow::Result<ApiResponse> {
    let response = request.send().await?;
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let body = serde_json::from_slice(&response.bytes().await?).unwrap_or_default();
    Ok(ApiResponse { status, headers, body })
}
